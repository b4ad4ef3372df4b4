// Host functions of jobs: on their threads, and behind services that answer from elsewhere.

import { MessageChannel, Worker } from 'node:worker_threads';
import test from 'ava';
import * as Comlink from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { HostError, LinkError, UsageError } from '../../../src/index.ts';
import { CancelledError, JobLimitError, type JobSnapshot, Pool, type Service } from '../../../src/pool/index.ts';
import { arithmetic, moduleOf } from '../guests.ts';

const causeOf = (error: Error | undefined): Error => error?.cause as Error;

const host = new URL('../fixtures/host.ts', import.meta.url);
const remote = new URL('../fixtures/remote.ts', import.meta.url);

/** A guest that passes its argument through one function of the host. */
const through = (name: string, type = '(param i32) (result i32)', pass = '(local.get 0)') =>
  moduleOf(`(module
    (import "env" "${name}" (func $host ${type}))
    (func (export "f") ${type} (call $host ${pass})))`);
const twice = await through('twice');
const nothing = (name: string) => through(name, '', '');

const pool = new Pool({ threads: 2 });
test.after.always(() => pool.terminate());

const ask = (service: Service, module = twice, options = {}) =>
  pool.submit({ module, export: 'f', args: [21], services: { env: service }, ...options });

test('a service is an object bound with one line', async (t) => {
  t.deepEqual(await ask({ twice: (n: number) => 2 * n }).result, [42]);
  t.deepEqual(await ask({ twice: async (n: number) => 3 * n }).result, [63]);
});

test('a service of the pool serves all jobs', async (t) => {
  await using own = new Pool({ threads: 1, services: { env: { twice: () => 1 } } });
  t.deepEqual(await own.submit({ module: twice, export: 'f', args: [0] }).result, [1]);
  own.expose('env', { twice: () => 2 });
  t.deepEqual(await own.submit({ module: twice, export: 'f', args: [0] }).result, [2]);
});

test('answers become results by the types of the import', async (t) => {
  const wide = await through('wide', '(param i64) (result i64 f64 i32)');
  const service = { wide: (n: bigint) => [Number(n) + 1, Number.NaN, true] };
  t.deepEqual(await ask(service, wide, { args: [1n] }).result, [2n, Number.NaN, 1]);
  for (const answer of [[1n], 'text', undefined, [1n, 'text', 1], [1n, 1.5, 2 ** 40]])
    await t.throwsAsync(ask({ wide: () => answer }, wide, { args: [1n] }).result, { instanceOf: HostError });
});

test('while guests wait, their thread runs other jobs', async (t) => {
  await using one = new Pool({ threads: 1 });
  let answer: (n: number) => void = () => {};
  const service = { twice: () => new Promise((resolve) => (answer = resolve)) };
  const waiting = one.submit({ module: twice, export: 'f', args: [1], services: { env: service } });
  while (waiting.status !== 'waiting') await new Promise((resolve) => setTimeout(resolve, 1));
  t.deepEqual(await one.submit({ module: arithmetic, export: 'add', args: [1, 1] }).result, [2]);
  t.deepEqual(one.stats, { threads: 1, jobs: 1, queued: 0, running: 0, waiting: 1, asleep: 0 });
  answer(7);
  t.deepEqual(await waiting.result, [7]);
});

test('a job that waits can be suspended; resumed, it asks again', async (t) => {
  const calls: number[] = [];
  const answering = (answer: unknown) => ({
    twice(n: number) {
      calls.push(n);
      return answer;
    },
  });
  const silent = answering(new Promise(() => {}));
  const job = ask(silent);
  while (calls.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  const snapshot = await job.suspend();
  const bytes = snapshot.encode();
  const services = { env: answering(5) };
  t.deepEqual(await pool.resume(bytes, { modules: [twice], services }).result, [5]);
  t.deepEqual(calls, [21, 21]);
});

test('what a service throws is the cause, and the frames are told', async (t) => {
  const failing = {
    twice: () => {
      throw new RangeError('no', { cause: 1 });
    },
  };
  const error = await t.throwsAsync(ask(failing).result, { instanceOf: HostError, message: /env\.twice/ });
  t.true(error?.cause instanceof RangeError);
  t.is(causeOf(error).cause, 1);
  t.deepEqual(
    error?.frames.map((frame) => frame.name),
    ['f'],
  );
});

test('a service that does not answer in time fails the job, and late answers are ignored', async (t) => {
  let answer: (n: number) => void = () => {};
  const slow = { twice: () => new Promise((resolve) => (answer = resolve)) };
  const job = ask(slow, twice, { serviceTimeout: 20 });
  const error = await t.throwsAsync(job.result, { instanceOf: HostError });
  t.is(error?.message, 'the service did not answer twice within 20 ms');
  answer(1);
  t.is(job.status, 'failed');
});

test('a job that waits meets its deadline, and can be cancelled', async (t) => {
  const silent = { twice: () => new Promise(() => {}) };
  const late = ask(silent, twice, { deadline: 50, overtime: 600_000 });
  const error = await t.throwsAsync(late.result, { instanceOf: JobLimitError });
  t.deepEqual(await pool.resume(error?.snapshot as JobSnapshot, { services: { env: { twice: () => 3 } } }).result, [3]);
  const given = ask(silent);
  while (given.status !== 'waiting') await new Promise((resolve) => setTimeout(resolve, 1));
  given.cancel();
  await t.throwsAsync(given.result, { instanceOf: CancelledError });
});

test('what is not there is told before the job begins', async (t) => {
  t.throws(() => ask({}), { instanceOf: LinkError, message: /env\.twice/ });
  for (const name of ['constructor', 'toString', '__defineGetter__', 'hasOwnProperty'])
    await t.throwsAsync(async () => ask(new (class Service {})(), await nothing(name)), { instanceOf: LinkError });
  t.throws(() => ask(3 as never), { instanceOf: UsageError });
  await t.throwsAsync(pool.submit({ module: twice, export: 'f', args: [1] }).result, { instanceOf: LinkError });
});

test('references do not leave the VM, functions do not enter it', async (t) => {
  const reference = await moduleOf(`(module
    (import "env" "take" (func $take (param funcref)))
    (func $f (export "f") (call $take (ref.func $f))))`);
  const leaving = ask({ take: () => {} }, reference, { args: [] });
  const error = await t.throwsAsync(leaving.result, { instanceOf: HostError });
  t.regex(causeOf(error).message, /reference into the VM/);
  await t.throwsAsync(ask({ twice: () => () => 1 }).result, { instanceOf: HostError });
});

test('a Comlink remote of an object on another thread serves', async (t) => {
  const worker = new Worker(remote);
  t.teardown(() => worker.terminate());
  const service = Comlink.wrap<object>(nodeEndpoint(worker));
  t.deepEqual(await ask(service).result, [42]);
  const error = await t.throwsAsync(ask(service, await nothing('fail'), { args: [] }).result, {
    instanceOf: HostError,
  });
  t.is(causeOf(error).message, 'the remote fails');
});

test('so does a Worker that exposes one; when it dies, its callers are told', async (t) => {
  const worker = new Worker(remote);
  t.deepEqual(await ask(worker).result, [42]);
  const error = await t.throwsAsync(ask(worker, await nothing('die'), { args: [] }).result, { instanceOf: HostError });
  t.is(error?.message, 'the thread of the service has gone');
  await t.throwsAsync(ask(worker).result, { instanceOf: HostError });
});

test('so does a MessagePort', async (t) => {
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(remote, { workerData: port2, transferList: [port2] });
  t.teardown(() => worker.terminate());
  await using own = new Pool({ threads: 1, services: { env: port1 } });
  t.deepEqual(await own.submit({ module: twice, export: 'f', args: [4] }).result, [8]);
});

test('host functions on the threads, sync and async', async (t) => {
  t.deepEqual(await pool.submit({ module: twice, export: 'f', args: [4], host }).result, [8]);
  t.deepEqual(await pool.submit({ module: await through('later'), export: 'f', args: [4], host }).result, [5]);
  const failing = pool.submit({ module: await nothing('fail'), export: 'f', host });
  const error = await t.throwsAsync(failing.result, { instanceOf: HostError });
  t.true(error?.cause instanceof RangeError);
  t.is(causeOf(error).cause, 'for a test');
});
