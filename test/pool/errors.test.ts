import { inspect } from 'node:util';
import test from 'ava';
import { Pool } from '../../src/pool/index.ts';
import { CancelledError, fromData, toData, WorkerError } from '../../src/pool/told/errors.ts';
import { pack, unpack } from '../../src/pool/told/parcel.ts';
import * as spec from '../../src/spec/errors.ts';
import { moduleOf } from '../wat.ts';

/** To another thread and back. */
const sent = (error: unknown): Error => fromData(structuredClone(toData(error)));

const fieldsOf = (error: Error) => [
  ...Object.entries(error).filter(([name]) => name !== 'name'),
  ...(error instanceof spec.GuestError ? [error.frames, error.omitted] : []),
];

const samples: Error[] = [
  new spec.MalformedError('no magic', 3),
  new spec.InvalidError('type mismatch', 0x1f, 'f'),
  new spec.LinkError('unknown import'),
  Object.assign(new spec.Trap('unreachable'), { frames: [{ name: 'f', func: 1, pc: 2, offset: 3 }] }),
  new spec.ExhaustionError('more than 3 frames', { limit: 'frames', value: 3 }),
  new spec.HostError('it threw', { cause: new TypeError('no', { cause: 'x' }) }),
  new spec.SnapshotError('bad', 'frame 3'),
  new spec.LimitError('too much', { limit: 'memory', value: 3 }),
  new spec.UsageError('no'),
  new spec.CrashError('oops'),
  new CancelledError('given up'),
  new WorkerError('dead'),
  new RangeError('far'),
];

for (const error of samples)
  test(`${error.name} keeps class, message, fields, stack and cause`, (t) => {
    const copy = sent(error);
    t.is(Object.getPrototypeOf(copy), Object.getPrototypeOf(error));
    t.is(copy.message, error.message);
    t.is(copy.name, error.name);
    t.deepEqual(fieldsOf(copy), fieldsOf(error));
    t.deepEqual(
      Object.keys(copy),
      Object.keys(error).filter((key) => key !== 'name'),
    );
    t.is(JSON.stringify(copy), JSON.stringify(error));
    const told = [...String(error.stack).split('\n'), '    at f (wasm-function[1]:0x3)'];
    t.true(String(copy.stack).startsWith(`${error.name}: ${error.message}`));
    for (const line of String(copy.stack).split('\n')) t.true(told.includes(line), line);
    t.deepEqual(copy.cause, error.cause);
  });

test('the cause of a cause comes along', (t) => {
  const copy = sent(new spec.HostError('a', { cause: new TypeError('b', { cause: new spec.UsageError('c') }) }));
  t.true(copy.cause instanceof TypeError);
  t.true((copy.cause as Error).cause instanceof spec.UsageError);
});

test('errors that we do not know keep their name and what can be copied', (t) => {
  class Custom extends Error {
    override name = 'Custom';
    readonly detail = 7;
    readonly callback = () => {};
  }
  const copy = sent(new Custom('mine'));
  t.like(copy, { name: 'Custom', message: 'mine', detail: 7 });
  t.false('callback' in copy);
});

test('what is thrown need be no error', (t) => {
  t.is(sent('text').cause, 'text');
  t.is(sent(undefined).message, 'undefined');
  t.is(typeof sent(() => 1).cause, 'string');
});

test('a circle of causes ends', (t) => {
  const error = new Error('round');
  error.cause = error;
  let depth = 0;
  for (let at: unknown = sent(error); at instanceof Error; at = at.cause) depth++;
  t.is(depth, 9);
});

test('parcels keep what structured clone keeps', (t) => {
  const value = {
    big: 2n,
    nan: Number.NaN,
    zero: -0,
    list: new Float32Array([1.5]),
    map: new Map([[1, new Set('a')]]),
  };
  t.deepEqual(unpack(pack(value, 'it')), value);
  const { list } = unpack(pack(value, 'it')) as typeof value;
  t.is(list.buffer.byteLength, 4);
});

test('what cannot travel is refused by name', (t) => {
  t.throws(() => pack({ f: () => {} }, 'the input'), { instanceOf: spec.UsageError, message: /the input cannot go/ });
});

test('damaged parcels are refused, never worse', (t) => {
  const parcel = pack({ a: [1, 2, new Uint8Array(9)], b: 'text' }, 'it');
  for (let i = 0; i < parcel.length; i++) {
    const bytes = parcel.slice();
    bytes[i] = ~(bytes[i] as number);
    try {
      unpack(bytes);
    } catch (error) {
      t.true(error instanceof spec.SnapshotError);
    }
  }
  t.throws(() => unpack(new Uint8Array()), { instanceOf: spec.SnapshotError });
});

test('what ends a job tells frames of the guest, and none of our functions', async (t) => {
  const module = await moduleOf(`
    (import "env" "f" (func $f (result i32)))
    (func $divide (export "divide") (param i32) (result i32) (i32.div_s (i32.const 1) (local.get 0)))
    (func $ask (export "ask") (result i32) (call $f))
    (func $deep (export "deep") (result i32) (i32.add (call $deep) (i32.const 1)))
    (func $spin (export "spin") (loop $l (br $l)))`);
  const f = () => {
    throw new TypeError('of a service');
  };
  const pool = new Pool({ threads: 1, services: { env: { f } } });
  t.teardown(() => pool.terminate());
  const ends: readonly (readonly [name: string, args: unknown[], frames: string, lines: number])[] = [
    ['divide', [0], 'divide', 12],
    ['ask', [], 'ask', 20],
    ['deep', [], 'deep', 18],
    ['spin', [], '', 12],
  ];
  for (const [name, args, frame, lines] of ends) {
    const job = pool.submit({ module, export: name, args, limits: { fuel: 10_000_000 } });
    const error = (await t.throwsAsync(job.result)) as spec.WasboxError;
    const [head, first = ''] = String(error.stack).split('\n');
    t.is(head, `${error.name}: ${error.message}`);
    t.is(/^ {4}at (\w+) \(wasm-function/.exec(first)?.[1] ?? '', frame, error.stack);
    t.notRegex(error.stack as string, /\/src\/|\/workers\/|\(node:/);
    const printed = inspect(error, { customInspect: false });
    t.true(printed.split('\n').length < lines, printed);
    t.is(JSON.parse(JSON.stringify(error)).message, error.message);
  }
});
