// How Web IDL turns arguments into what the JS API works with, and how its classes look. https://webidl.spec.whatwg.org/

/** A dictionary argument; undefined and null are empty ones. */
export function dictionary(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' && typeof value !== 'function') throw new TypeError(`${what} must be an object`);
  return value as Record<string, unknown>;
}

/** https://webidl.spec.whatwg.org/#EnforceRange, for an unsigned long. */
export function unsignedLong(value: unknown, what: string): number {
  const number = Math.trunc(+(value as number));
  if (number >= 0 && number < 2 ** 32) return number + 0;
  throw new TypeError(`${what} must be an integer from 0 to 2^32 - 1`);
}

/** A member of an enumeration. */
export function oneOf<T extends string>(value: unknown, members: readonly T[], what: string): T {
  const text = `${value}`;
  const member = members.find((name) => name === text);
  if (member === undefined) throw new TypeError(`${what} is none of ${members.join(', ')}`);
  return member;
}

export function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

/** The bytes of a buffer source, not copied. */
export function bufferSource(value: unknown): Uint8Array {
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof ArrayBuffer || isShared(value)) return new Uint8Array(value);
  throw new TypeError('an ArrayBuffer or a view of one is expected');
}

const isShared = (value: unknown): value is SharedArrayBuffer =>
  typeof SharedArrayBuffer === 'function' && value instanceof SharedArrayBuffer;

type Class = abstract new (...args: never) => object;

/** Gives a class what Web IDL gives its interfaces: a tag, and members that can be enumerated. */
export function asInterface<T extends Class>(made: T): T {
  enumerable(made.prototype, ['constructor']);
  enumerable(made, ['prototype', 'name', 'length']);
  tag(made.prototype, `WebAssembly.${made.name}`);
  return made;
}

function enumerable(object: object, except: readonly string[]): void {
  for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(object)))
    if (!except.includes(name)) Object.defineProperty(object, name, { ...property, enumerable: true });
}

export function tag(object: object, name: string): void {
  Object.defineProperty(object, Symbol.toStringTag, { value: name, configurable: true });
}
