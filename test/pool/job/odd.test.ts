// Whatever services, host functions and callbacks do, the job ends with a typed error, and nothing else happens.

import { inspect } from 'node:util';
import test from 'ava';
import { HostError, UsageError } from '../../../src/index.ts';
import { Pool, type PoolOptions } from '../../../src/pool/index.ts';
import { fromData, toData } from '../../../src/pool/told/errors.ts';
import { oddPromises, oddValues } from '../../spec/odd.ts';
import { arithmetic, moduleOf } from '../guests.ts';

const loose: unknown[] = [];
for (const event of ['uncaughtException', 'unhandledRejection']) process.on(event, (error) => loose.push(error));

const module = await moduleOf(
  '(module (import "env" "f" (func $f (result i32))) (func (export "f") (result i32) (call $f)))',
);
const pool = new Pool({ threads: 2 });
test.after.always(() => pool.terminate());

const mostBytes = 2 ** 20;

for (const [name, value] of Object.entries(oddValues))
  test(`as data it is small, and can be sent and printed: ${name}`, (t) => {
    const data = structuredClone(toData(value));
    t.true(JSON.stringify(data, (_, each) => (typeof each === 'bigint' ? String(each) : each)).length < mostBytes);
    const error = fromData(data);
    t.true(error instanceof Error);
    t.is(typeof inspect(error), 'string');
  });

const services = {
  ...Object.fromEntries(
    Object.entries(oddValues).map(([name, value]) => [
      `throws: ${name}`,
      () => {
        throw value;
      },
    ]),
  ),
  ...oddPromises,
};

test('a service may throw and answer anything', async (t) => {
  const ends = Object.entries(services).map(async ([name, f]) => {
    const job = pool.submit({ module, export: 'f', services: { env: { f } } });
    const error = await job.result.then(
      () => undefined,
      (error: unknown) => error,
    );
    t.true(error instanceof HostError, name);
    t.is(job.status, 'failed');
    t.true(inspect(error).length < mostBytes);
  });
  await Promise.all(ends);
  t.deepEqual(loose, []);
});

test('an answer that never comes is bounded by its timeout', async (t) => {
  const never = { f: () => new Promise(() => {}) };
  const job = pool.submit({ module, export: 'f', services: { env: never }, serviceTimeout: 20 });
  await t.throwsAsync(job.result, { instanceOf: HostError, message: /within 20 ms/ });
});

test('errors of an AggregateError cross threads, as its cause does', async (t) => {
  const errors = [new RangeError('one', { cause: 7 }), 'two', new AggregateError([new TypeError('three')])];
  const f = () => {
    throw new AggregateError(errors, 'all of them');
  };
  const error = await t.throwsAsync(pool.submit({ module, export: 'f', services: { env: { f } } }).result);
  const { cause } = error as Error & { cause: AggregateError };
  t.true(cause instanceof AggregateError);
  const [first, second, third] = cause.errors;
  t.true(first instanceof RangeError);
  t.is(first.cause, 7);
  t.is(second, 'two');
  t.true(third.errors[0] instanceof TypeError);
  const many = fromData(toData(new AggregateError(Array.from({ length: 1000 }, (_, i) => i)))) as AggregateError;
  t.true(many.errors.length <= 1001);
  const deep = fromData(
    toData(new AggregateError(Array.from({ length: 1000 }, () => new Error('e')))),
  ) as AggregateError;
  t.true(deep.errors.length < 70);
  t.regex(deep.errors.at(-1), /^and \d+ more$/);
});

const jobs = (options: object) => () => pool.submit({ module: arithmetic, export: 'add', args: [1, 1], ...options });
const wrong: Readonly<Record<string, unknown>> = {
  signal: {},
  onProgress: 5,
  services: { env: null },
  limits: { fuel: -1 },
  args: 5,
  export: 7,
  module: 'x.wasm',
  engine: 'steam',
  deadline: Number.NaN,
  tenant: '',
  priority: 21,
  affinity: 'near',
  sliceFuel: 0,
  onCrash: 'shrug',
  retries: 1.5,
  checkpointEvery: 0,
  serviceTimeout: -1,
  host: 'here',
  program: 'there',
};

for (const [name, value] of Object.entries(wrong))
  test(`a wrong option is told before anything happens: ${name}`, (t) => {
    const before = pool.stats.jobs;
    for (const each of [value, null]) {
      const error = t.throws(jobs({ [name]: each }), { instanceOf: UsageError });
      t.regex(error?.message ?? '', new RegExp(`\\b${name}\\b.* must be .*, not `));
    }
    t.is(pool.stats.jobs, before);
  });

test('so are those of a pool, of resume and map', (t) => {
  const before = pool.stats.jobs;
  const options: Readonly<Record<keyof PoolOptions, unknown>> = {
    threads: 0,
    sliceMs: '10',
    services: { a: 1 },
    maxLive: 0.5,
    limits: { jobs: 0 },
    tenants: { a: { weight: 0 } },
    sleepAfter: -1,
    awakeBytes: 0.5,
    grace: -1,
    cache: 1,
    store: 1,
    lease: 1,
    keepResults: -1,
    execArgv: 'x',
    resourceLimits: { maxOldGenerationSizeMb: '1' },
  };
  for (const [name, value] of Object.entries(options))
    t.throws(() => new Pool({ [name]: value }), { instanceOf: UsageError, message: new RegExp(name) });
  t.throws(() => new Pool(5 as never), { instanceOf: UsageError });
  t.throws(() => pool.submit(null as never), { instanceOf: UsageError });
  t.throws(() => pool.expose('a', undefined as never), { instanceOf: UsageError });
  t.throws(() => pool.resume(7 as never), { instanceOf: UsageError });
  t.throws(() => pool.resume(new Uint8Array(), { modules: [1] as never }), {
    instanceOf: UsageError,
    message: /modules/,
  });
  t.throws(() => pool.map(arithmetic, 5 as never, []), { instanceOf: UsageError });
  t.is(pool.stats.jobs, before);
});

test.serial('what onProgress throws harms nobody, and is told once', async (t) => {
  const warned: Error[] = [];
  const listen = (warning: Error) => warned.push(warning);
  process.on('warning', listen);
  t.teardown(() => process.off('warning', listen));
  const spec = { module: arithmetic, export: 'count', args: [20_000], sliceFuel: 10_000 };
  const throwing = () => {
    throw Object.create(null);
  };
  const rejecting = () => Promise.reject(Symbol('no'));
  for (const onProgress of [throwing, rejecting])
    t.deepEqual(await pool.submit({ ...spec, onProgress }).result, [20_000]);
  await new Promise((resolve) => setTimeout(resolve, 10));
  t.is(warned.filter(({ name }) => name === 'WasboxWarning').length, 2);
  t.deepEqual(loose, []);
});
