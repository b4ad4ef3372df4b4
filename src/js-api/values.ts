// Values as they cross between JavaScript and the guest.
// https://webassembly.github.io/spec/js-api/#tojsvalue

import { Ref, refKinds, type Value } from '../runtime/heap/ref.ts';
import { heapMatches, topOf } from '../spec/deftypes.ts';
import { funcref, isRef, type RefType, typeName, typeNamed, type ValType } from '../spec/types.ts';
import type { Realm } from './realm.ts';

/** No value of these types crosses. */
const cannotCross = (type: ValType): boolean => type === 'v128' || (isRef(type) && heapMatches(type.heap, 'exn'));

/** Throws TypeError where values of one of the types cannot cross. */
export function checkCrossing(...types: readonly ValType[]): void {
  const type = types.find(cannotCross);
  if (type !== undefined) throw new TypeError(`values of type ${typeName(type)} cannot cross into JavaScript`);
}

/** ToJSValue, of what was read from the store. */
export function toJs(realm: Realm, value: Value): unknown {
  if (!(value instanceof Ref)) return value;
  switch (value.kind) {
    case 'func':
      return realm.object('func', value.payload);
    case 'i31':
      return value.payload;
    default:
      return structure(realm, value);
  }
}

/** https://webassembly.github.io/spec/js-api/#exported-gc-exotic-objects */
function structure(realm: Realm, ref: Ref): object {
  const known = realm.structures.object(ref);
  if (known !== undefined) return known;
  const made = Object.freeze(Object.create(null));
  realm.structures.set(made, ref);
  return made;
}

/** ToWebAssemblyValue, of what can be written to the store. Throws TypeError, or what a conversion throws. */
export function toWasm(realm: Realm, value: unknown, type: ValType): Value {
  switch (type) {
    case 'i32':
      return (value as number) | 0;
    case 'i64':
      return BigInt.asIntN(64, value as bigint);
    case 'f32':
      return Math.fround(value as number);
    case 'f64':
      return +(value as number);
    case 'v128':
      return misfit(type);
    default:
      return reference(realm, value, type);
  }
}

function reference(realm: Realm, value: unknown, type: RefType): Value {
  const ref = topOf(type.heap) === 'func' ? func(realm, value, type) : any(realm, value);
  // Values of the host have no type but the top one, and no place in the store until one is written.
  const isHostValue = ref !== null && !(ref instanceof Ref);
  const fits = isHostValue ? holdsHostValues(type) : realm.store.isOfType(...words(ref), type);
  return fits ? ref : misfit(type);
}

const holdsHostValues = ({ heap }: RefType): boolean => heap === 'extern' || heap === 'any';

const words = (ref: Ref | null): [number, number] =>
  ref === null ? [0, refKinds.null] : [ref.payload, refKinds[ref.kind]];

function func(realm: Realm, value: unknown, type: RefType): Ref | null {
  if (value === null) return null;
  const addr = realm.addrOf(value, 'func');
  return addr === undefined ? misfit(type) : realm.store.ref('func', addr);
}

/** Numbers that fit become i31 references, and objects that stand for the guest's become what they stand for. */
function any(realm: Realm, value: unknown): Value {
  if (typeof value === 'number' && (value << 1) >> 1 === value && !Object.is(value, -0))
    return realm.store.ref('i31', value);
  return realm.structures.ref(value) ?? value;
}

function misfit(type: ValType): never {
  throw new TypeError(`the value cannot be converted to ${typeName(type)}`);
}

/** https://webassembly.github.io/spec/js-api/#defaultvalue */
export function defaultValue(realm: Realm, type: ValType): unknown {
  checkCrossing(type);
  if (!isRef(type)) return type === 'i64' ? 0n : 0;
  return type.heap === 'extern' ? undefined : toJs(realm, toWasm(realm, null, type));
}

/** A value type by its name in descriptors. */
export function valueType(name: unknown): ValType {
  const text = `${name}`;
  const type = text === 'anyfunc' ? funcref : typeNamed(text);
  if (type === undefined || (isRef(type) && !type.nullable)) throw new TypeError(`${text} is not a value type`);
  return type;
}
