// What JavaScript can throw or return that nobody expects: each of these breaks some way to look at a value or to print it.

import { runInNewContext } from 'node:vm';

/** Throws itself, whatever is done to it. */
const trap = (): never => {
  throw new Error('a trap of a proxy');
};
const hostile = { get: trap, getPrototypeOf: trap, ownKeys: trap, has: trap, getOwnPropertyDescriptor: trap };

function revoked(target: object): object {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

const getting = (key: PropertyKey): Error =>
  Object.defineProperty(new Error('has a getter'), key, { get: trap, enumerable: true });

const circle = new Error('round');
circle.cause = circle;

const aggregate = new AggregateError([], 'round');
aggregate.errors.push(aggregate, Object.create(null), Symbol('in a list'));

/** By what is odd about them. */
export const oddValues: Readonly<Record<string, unknown>> = {
  undefined,
  null: null,
  symbol: Symbol('odd'),
  bigint: 10n ** 10_000n,
  function: () => 1,
  'null prototype': Object.create(null),
  'toString throws': { toString: trap, [Symbol.toPrimitive]: trap },
  'toStringTag throws': Object.defineProperty({}, Symbol.toStringTag, { get: trap }),
  'inspection throws': { [Symbol.for('nodejs.util.inspect.custom')]: trap },
  'constructor throws': Object.defineProperty({}, 'constructor', { get: trap }),
  'named by a symbol': Object.assign(new Error('odd'), { name: Symbol('name') }),
  'message is no text': Object.assign(new Error(), { message: { toString: trap } }),
  'message throws': getting('message'),
  'name throws': getting('name'),
  'stack throws': getting('stack'),
  'cause throws': getting('cause'),
  'a field throws': getting('detail'),
  proxy: new Proxy(new Error('behind a proxy'), hostile),
  'revoked proxy': revoked({}),
  'revoked error': revoked(new Error('gone')),
  'revoked list': new Error('odd', { cause: revoked([]) }),
  'circle of causes': circle,
  'circle of errors': aggregate,
  'huge message': new Error('x'.repeat(2 ** 22)),
  'huge text': 'x'.repeat(2 ** 22),
  'huge field': Object.assign(new Error('odd'), { field: new Uint8Array(2 ** 22), __proto__: null }),
  'other realm': runInNewContext(`new RangeError('elsewhere')`),
};

/** Things to await, none of which gives a value. */
export const oddPromises: Readonly<Record<string, () => unknown>> = {
  'then throws': () => Object.defineProperty({}, 'then', { get: trap }),
  'then fails': () => Object.assign(Object.create(null), Object.fromEntries([['then', trap]])),
  'rejects twice': () => ({
    // biome-ignore lint/suspicious/noThenProperty: a promise that is none is what is tried
    then(resolve: (value: unknown) => void, reject: (error: unknown) => void) {
      reject(Symbol('first'));
      reject(Symbol('second'));
      resolve(1);
    },
  }),
  'revoked proxy': () => revoked({}),
  ...Object.fromEntries(
    Object.entries(oddValues).map(([name, value]) => [`rejects: ${name}`, () => Promise.reject(value)]),
  ),
};
