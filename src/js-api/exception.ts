// Tags, exceptions, and what JavaScript throws through the guest and back.
// https://webassembly.github.io/spec/js-api/#exceptions

import { newException } from '../runtime/collect.ts';
import { Thrown } from '../runtime/engine.ts';
import type { Value } from '../runtime/heap/ref.ts';
import type { TagInst } from '../runtime/store.ts';
import { readValues, writeValues } from '../runtime/value.ts';
import { defineFunc } from '../spec/deftypes.ts';
import { externref, type FuncType, slotsOfAll, type TagAddr, type ValType } from '../spec/types.ts';
import { attempt, isHostOverflow } from './errors.ts';
import { checkHostStack } from './host-stack.ts';
import { Address, type Realm } from './realm.ts';
import { checkCrossing, toJs, toWasm, valueType } from './values.ts';
import { asInterface, dictionary, unsignedLong } from './webidl.ts';

/** What JavaScript threw, as it goes through the guest. */
export function thrown(realm: Realm, value: unknown): Thrown {
  if (realm.isUncatchable(value) || isHostOverflow(value)) return new Thrown(value, undefined, () => 0);
  const exception = realm.exceptions.ref(value)?.payload;
  if (exception !== undefined) return new Thrown(value, realm.store.heap.tag(exception), () => exception);
  return new Thrown(value, realm.jsTag, () => allocate(realm, realm.jsTag, [toWasm(realm, value, externref)]));
}

/** What an exception of the guest is to JavaScript: with the JavaScript tag, what it carries. */
export function thrownValue(realm: Realm, exception: number): unknown {
  if (realm.store.heap.tag(exception) === realm.jsTag) return toJs(realm, carried(realm, exception)[0]);
  const ref = realm.store.ref('exn', exception);
  const known = realm.exceptions.object(ref);
  if (known !== undefined) return known;
  const made = Object.create(realm.exceptionPrototype);
  realm.exceptions.set(made, ref);
  return made;
}

const typesOf = (realm: Realm, tag: TagAddr): readonly ValType[] =>
  ((realm.store.tags[tag] as TagInst).type.comp as FuncType).params;

/** A new exception of the store. */
function allocate(realm: Realm, tag: TagAddr, values: readonly Value[]): number {
  const { store } = realm;
  const { stack } = store;
  const types = typesOf(realm, tag);
  checkHostStack();
  stack.reserveSlots(stack.top + slotsOfAll(types));
  writeValues(stack.words, stack.top, types, values, store, 'argument');
  return newException(store, tag, stack.top * 2);
}

function carried(realm: Realm, exception: number): Value[] {
  const { store } = realm;
  const { heap } = store;
  const shape = heap.shape(exception);
  const row = new Int32Array(shape.slotWords);
  heap.getFields(exception, shape, row, 0);
  return readValues(row, 0, typesOf(realm, heap.tag(exception)), store);
}

export function tagClass(realm: Realm): typeof WebAssembly.Tag {
  class Tag {
    constructor(type: WebAssembly.TagType) {
      const from: unknown = type;
      realm.bind(this, 'tag', from instanceof Address ? from.addr : newTag(realm, from));
    }
  }
  return asInterface(Tag);
}

function newTag(realm: Realm, from: unknown): TagAddr {
  const { parameters } = dictionary(from, 'the tag type');
  if (parameters === undefined) throw new TypeError('a tag needs parameters');
  const types = [...(parameters as Iterable<unknown>)].map(valueType);
  return attempt(() => realm.store.addTag(defineFunc(types, [])));
}

export function exceptionClass(realm: Realm): typeof WebAssembly.Exception {
  const stacks = new WeakMap<object, string | undefined>();
  const ofTag = (self: object, tag: unknown): number | undefined => {
    const { payload } = realm.exceptions.ref(self) ?? expected();
    return realm.store.heap.tag(payload) === realm.addr(tag, 'tag', 'Tag') ? payload : undefined;
  };
  class Exception {
    constructor(exceptionTag: WebAssembly.Tag, payload: unknown[], ...options: [WebAssembly.ExceptionOptions?]) {
      const exception = attempt(() => newFrom(realm, exceptionTag, payload));
      realm.exceptions.set(this, realm.store.ref('exn', exception));
      if (dictionary(options[0], 'options').traceStack) stacks.set(this, new Error().stack);
    }
    is(exceptionTag: WebAssembly.Tag): boolean {
      return ofTag(this, exceptionTag) !== undefined;
    }
    getArg(exceptionTag: WebAssembly.Tag, index: number): unknown {
      const at = unsignedLong(index, 'the index');
      const payload = ofTag(this, exceptionTag);
      if (payload === undefined) throw new TypeError('the exception has another tag');
      return argument(realm, payload, at);
    }
    get stack(): string | undefined {
      return stacks.get(this);
    }
  }
  realm.exceptionPrototype = Exception.prototype;
  return asInterface(Exception);
}

function expected(): never {
  throw new TypeError('a WebAssembly.Exception of this namespace is expected');
}

function newFrom(realm: Realm, exceptionTag: unknown, payload: unknown): number {
  const tag = realm.addr(exceptionTag, 'tag', 'Tag');
  if (tag === realm.jsTag) throw new TypeError('what has the JavaScript tag is thrown as it is');
  const types = typesOf(realm, tag);
  const values = [...(payload as Iterable<unknown>)];
  if (values.length !== types.length) throw new TypeError(`the tag has ${types.length} parameters`);
  checkCrossing(...types);
  return allocate(
    realm,
    tag,
    types.map((type, i) => toWasm(realm, values[i], type)),
  );
}

function argument(realm: Realm, exception: number, index: number): unknown {
  const types = typesOf(realm, realm.store.heap.tag(exception));
  if (index >= types.length) throw new RangeError(`the exception has ${types.length} arguments`);
  checkCrossing(types[index] as ValType);
  return toJs(realm, carried(realm, exception)[index]);
}
