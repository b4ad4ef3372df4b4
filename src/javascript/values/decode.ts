// A message of the guest as a value of the host. The library in the guest writes messages, but a guest may have got the
// better of it: so nothing is believed, and whatever the text says, what comes of it is plain data of about its size.

import { HostError } from '../../spec/errors.ts';
import { cut, messageOf } from '../../spec/told.ts';
import { errorKinds, type Message, tags, viewKinds } from './format.ts';

/** Throws HostError for a message that no library of ours writes, or that this host has no value for. */
export function decodeValue({ text, blobs }: Message): unknown {
  try {
    return new Reader(blobs).value(JSON.parse(text), 0);
  } catch (cause) {
    if (cause instanceof HostError) throw cause;
    throw new HostError(`what the program gave cannot be read: ${messageOf(cause)}`, { cause });
  }
}

function bad(what: string): never {
  throw new HostError(`what the program gave is no value: ${what}`);
}

/** Writers stay below it; each takes some of this thread's stack. */
const mostDepth = 1_000;

class Reader {
  private readonly known: unknown[] = [];

  constructor(private readonly blobs: readonly Uint8Array[]) {}

  value(node: unknown, depth: number): unknown {
    if (typeof node !== 'object' || node === null) return node;
    if (depth > mostDepth) bad(`deeper than ${mostDepth}`);
    if (Array.isArray(node)) return this.list(node, depth);
    if (Object.hasOwn(node, '$')) return this.marked((node as { readonly $: unknown }).$, depth);
    this.known.push(node);
    const object = node as Record<string, unknown>;
    for (const key of Object.keys(object))
      if (typeof object[key] === 'object') define(object, key, this.value(object[key], depth + 1));
    return object;
  }

  private list(nodes: unknown[], depth: number): unknown[] {
    this.known.push(nodes);
    for (let i = 0; i < nodes.length; i++) if (typeof nodes[i] === 'object') nodes[i] = this.value(nodes[i], depth + 1);
    return nodes;
  }

  private marked(parts: unknown, depth: number): unknown {
    if (!Array.isArray(parts)) return bad('no list after a mark');
    const reader = typeof parts[0] === 'number' ? readers.get(parts[0]) : undefined;
    if (reader === undefined) return bad('an unknown mark');
    return reader(parts, this, depth + 1);
  }

  /** Keeps the place of an object that is about to be read. */
  note<T>(value: T): T {
    this.known.push(value);
    return value;
  }
  place(): number {
    return this.known.push(undefined) - 1;
  }
  fill<T>(place: number, value: T): T {
    this.known[place] = value;
    return value;
  }
  at(number: unknown): unknown {
    if (!isCount(number) || number >= this.known.length) return bad('a reference to no object');
    return this.known[number];
  }
  blob(number: unknown): ArrayBuffer {
    const blob = isCount(number) ? this.blobs[number] : undefined;
    return blob === undefined ? bad('a reference to no buffer') : (blob.slice().buffer as ArrayBuffer);
  }
  pairs(object: object, parts: readonly unknown[], from: number, depth: number): object {
    for (let i = from; i + 1 < parts.length; i += 2) define(object, textOf(parts[i]), this.value(parts[i + 1], depth));
    return object;
  }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const textOf = (value: unknown): string => (typeof value === 'string' ? value : bad('no text'));

/** Also `__proto__` is a property like any other. */
const define = (object: object, key: string, value: unknown) =>
  Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });

const numbers: Readonly<Record<string, number>> = { NaN: Number.NaN, Infinity, '-Infinity': -Infinity, '-0': -0 };
/** A list is no longer than that: the host would take a list with holes and ten times that for a dictionary. */
const mostLength = 2 ** 32 - 1;

type Read = (parts: readonly unknown[], reader: Reader, depth: number) => unknown;
const readers = new Map<number, Read>([
  [tags.undefined, () => undefined],
  [
    tags.number,
    ([, text]) => (typeof text === 'string' && Object.hasOwn(numbers, text) ? numbers[text] : bad('no number')),
  ],
  [tags.bigint, ([, digits]) => bigint(textOf(digits))],
  [
    tags.date,
    ([, time], reader) => {
      if (typeof time !== 'number' && time !== null) bad('no time');
      return reader.note(new Date((time as number | null) ?? Number.NaN));
    },
  ],
  [
    tags.map,
    (parts, reader, depth) => {
      const map = reader.note(new Map<unknown, unknown>());
      for (let i = 1; i + 1 < parts.length; i += 2) {
        const key = reader.value(parts[i], depth);
        map.set(key, reader.value(parts[i + 1], depth));
      }
      return map;
    },
  ],
  [
    tags.set,
    (parts, reader, depth) => {
      const set = reader.note(new Set<unknown>());
      for (let i = 1; i < parts.length; i++) set.add(reader.value(parts[i], depth));
      return set;
    },
  ],
  [tags.error, readError],
  [tags.buffer, ([, number], reader) => reader.note(reader.blob(number))],
  [tags.view, readView],
  [tags.regexp, ([, source, flags], reader) => reader.note(new RegExp(textOf(source), textOf(flags)))],
  [tags.known, ([, number], reader) => reader.at(number)],
  [
    tags.boxed,
    ([, value], reader, depth) => {
      const place = reader.place();
      const primitive = reader.value(value, depth);
      return Object(primitive) === primitive ? bad('an object in an object') : reader.fill(place, Object(primitive));
    },
  ],
  [
    tags.list,
    (parts, reader, depth) => {
      const [, length] = parts;
      if (!isCount(length) || length > mostLength) return bad('no length');
      const list = reader.note<unknown[]>([]);
      list.length = length;
      return reader.pairs(list, parts, 2, depth);
    },
  ],
  [tags.object, (parts, reader, depth) => reader.pairs(reader.note({}), parts, 1, depth)],
]);

const bigint = (digits: string): bigint => {
  if (!/^-?[0-9a-f]+$/.test(digits)) return bad('no bigint');
  return digits.startsWith('-') ? -BigInt(`0x${digits.slice(1)}`) : BigInt(`0x${digits}`);
};

function readError([, given, message, stack, cause, errors]: readonly unknown[], reader: Reader, depth: number): Error {
  const name = textOf(given);
  const Kind = errorKinds[name] ?? Error;
  const error = reader.note(new Kind(textOf(message)));
  const hide = (key: string, value: unknown) =>
    Object.defineProperty(error, key, { value, writable: true, configurable: true });
  if (error.name !== name) hide('name', name);
  hide('stack', `${cut(`${name}: ${textOf(message)}`)}\n${textOf(stack)}`);
  if (Array.isArray(cause)) hide('cause', reader.value(cause[0], depth));
  if (Array.isArray(errors)) hide('errors', reader.value(errors[0], depth));
  return error;
}

function readView([, name, given, offset, length]: readonly unknown[], reader: Reader, depth: number): unknown {
  const place = reader.place();
  const buffer = reader.value(given, depth);
  const Kind = viewKinds[textOf(name)];
  if (Kind === undefined) return bad(`this host has no ${cut(textOf(name))}`);
  if (!(buffer instanceof ArrayBuffer) || !isCount(offset) || !isCount(length)) return bad('a view of no buffer');
  return reader.fill(place, new Kind(buffer, offset, length));
}
