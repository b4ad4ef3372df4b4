// A value of the host as a message to the guest. What cannot be copied is refused, with the path to it; stacks of the
// host's errors stay here.

import { UsageError } from '../../spec/errors.ts';
import { attempt, cut, isError } from '../../spec/told.ts';
import { errorKinds, type Message, mostDepth, tags, viewKinds } from './format.ts';

/** Throws UsageError, calling the value `what`, for functions, symbols and what else structured clone would refuse. */
export function encodeValue(value: unknown, what: string): Message {
  const writer = new Writer(what);
  const text = writer.value(value, 0);
  return { text, blobs: writer.blobs };
}

const mark = (...parts: readonly (string | number)[]): string => `{"$":[${parts.join(',')}]}`;
const json = (text: string): string => JSON.stringify(text);
const uncopied = ['Promise', 'WeakMap', 'WeakSet', 'WeakRef', 'Generator', 'AsyncGenerator', 'SharedArrayBuffer'];

class Writer {
  readonly blobs: Uint8Array[] = [];
  private readonly seen = new Map<object, number>();
  private readonly path: (string | number)[] = [];

  constructor(private readonly what: string) {}

  private refuse(kind: string): never {
    const at = this.path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${cut(key)}`)).join('');
    throw new UsageError(`${this.what}${cut(at)}: a ${kind} cannot be copied`);
  }

  value(value: unknown, depth: number): string {
    switch (typeof value) {
      case 'string':
        return json(value);
      case 'number':
        if (Number.isFinite(value) && !Object.is(value, -0)) return String(value);
        return mark(tags.number, json(Object.is(value, -0) ? '-0' : String(value)));
      case 'boolean':
        return String(value);
      case 'undefined':
        return mark(tags.undefined);
      case 'bigint':
        return mark(tags.bigint, json(value.toString(16)));
      case 'object':
        return value === null ? 'null' : this.object(value, depth);
      default:
        return this.refuse(typeof value);
    }
  }

  private object(value: object, depth: number): string {
    const known = this.seen.get(value);
    if (known !== undefined) return mark(tags.known, known);
    if (depth > mostDepth) this.refuse(`value within ${mostDepth} others`);
    this.seen.set(value, this.seen.size);
    if (Array.isArray(value)) return this.list(value, depth);
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype === Object.prototype || prototype === null) return this.plain(value, depth);
    return this.special(value, depth) ?? this.plain(value, depth);
  }

  private at(key: string | number, value: unknown, depth: number): string {
    this.path.push(key);
    const text = this.value(value, depth + 1);
    this.path.pop();
    return text;
  }

  private list(value: readonly unknown[], depth: number): string {
    const keys = Object.keys(value);
    const { length } = value;
    if (keys.length !== length || (length > 0 && keys[length - 1] !== String(length - 1)))
      return mark(tags.list, length, ...this.pairs(value, keys, depth));
    return `[${value.map((item, i) => this.at(i, item, depth)).join(',')}]`;
  }

  private plain(value: object, depth: number): string {
    const keys = Object.keys(value);
    if (Object.hasOwn(value, '$')) return mark(tags.object, ...this.pairs(value, keys, depth));
    const items = keys.map((key) => `${json(key)}:${this.at(key, (value as Record<string, unknown>)[key], depth)}`);
    return `{${items.join(',')}}`;
  }

  private pairs(value: object, keys: readonly string[], depth: number): string[] {
    return keys.flatMap((key) => [json(key), this.at(key, (value as Record<string, unknown>)[key], depth)]);
  }

  private special(value: object, depth: number): string | undefined {
    if (ArrayBuffer.isView(value)) return this.view(value, depth);
    if (isError(value)) return this.error(value, depth);
    if (value instanceof Map)
      return mark(
        tags.map,
        ...[...value].flatMap(([k, v]) => [this.at('(key)', k, depth), this.at('(value)', v, depth)]),
      );
    if (value instanceof Set) return mark(tags.set, ...[...value].map((item) => this.at('(member)', item, depth)));
    if (value instanceof Date) return mark(tags.date, Number.isNaN(value.getTime()) ? 'null' : value.getTime());
    if (value instanceof RegExp) return mark(tags.regexp, json(value.source), json(value.flags));
    if (value instanceof ArrayBuffer) return mark(tags.buffer, this.blobs.push(new Uint8Array(value).slice()) - 1);
    if (value instanceof Number || value instanceof String || value instanceof Boolean)
      return mark(tags.boxed, this.value(value.valueOf(), depth));
    const tag = Object.prototype.toString.call(value).slice(8, -1);
    if (uncopied.includes(tag)) this.refuse(tag);
    return undefined;
  }

  /** Of a view of a part, that part only: what else is in its buffer may be nobody's business, as with Node's buffers. */
  private view(view: ArrayBufferView, depth: number): string {
    const { buffer, byteOffset, byteLength } = view;
    const name = view instanceof DataView ? 'DataView' : Object.prototype.toString.call(view).slice(8, -1);
    if (viewKinds[name] === undefined) this.refuse(cut(name));
    const length = name === 'DataView' ? byteLength : (view as Uint8Array).length;
    const isWhole = byteLength === buffer.byteLength && buffer instanceof ArrayBuffer;
    const bytes = new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength).slice();
    const own = isWhole ? this.at('buffer', buffer, depth) : this.at('buffer', bytes.buffer, depth);
    return mark(tags.view, json(name), own, 0, length);
  }

  private error(error: Error, depth: number): string {
    const text = (key: 'name' | 'message') => json(attempt(() => String(error[key]), ''));
    const part = (key: string) =>
      Object.hasOwn(error, key) ? `[${this.at(key, (error as unknown as Record<string, unknown>)[key], depth)}]` : 0;
    const name = errorKinds[error.name] === undefined && error.name === undefined ? json('Error') : text('name');
    return mark(tags.error, name, text('message'), '""', part('cause'), part('errors'));
  }
}
