// Services are told which call it is, so that each is made to count once, however often its job is suspended.

import test from 'ava';
import { HostError, UsageError } from '../../../src/index.ts';
import { type Job, JobSnapshot, Pool, type ServiceCall } from '../../../src/pool/index.ts';
import { moduleOf } from '../guests.ts';

const module = await moduleOf(`(module
  (import "env" "pay" (func $pay (param i32) (result i32)))
  (func (export "f") (result i32)
    (i32.add (call $pay (i32.const 1)) (call $pay (i32.const 2)))))`);

const pool = new Pool({ threads: 2 });
test.after.always(() => pool.terminate());

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** Remembers what it was asked, and answers only some calls. */
function bank(answers: (call: ServiceCall) => boolean) {
  const calls: ServiceCall[] = [];
  const pay = (n: number, call: ServiceCall) => {
    calls.push(call);
    return answers(call) ? 10 * n : new Promise(() => {});
  };
  return { calls, services: { env: { pay } } };
}

const keysOf = (calls: readonly ServiceCall[]) => calls.map(({ job, id }) => `${job} ${id}`);

test('a call has the same job and id when it is made again, after a restore from bytes and on another pool', async (t) => {
  const first = bank(({ id }) => id === 1);
  const job = pool.submit({ module, export: 'f', services: first.services });
  await until(() => first.calls.length === 2);
  t.deepEqual(keysOf(first.calls), [`${job.identity} 1`, `${job.identity} 2`]);
  const bytes = (await job.suspend()).encode();
  t.true(first.calls.every(({ signal }) => signal.aborted));
  await using other = new Pool({ threads: 1 });
  const second = bank(() => true);
  const resumed = other.resume(bytes, { modules: [module], services: second.services });
  t.deepEqual(await resumed.result, [30]);
  t.is(resumed.identity, job.identity);
  t.deepEqual(keysOf(second.calls), [`${job.identity} 2`]);
});

test('jobs differ, and whoever starts or resumes one may say what it is', async (t) => {
  const all = bank(() => true);
  const options = { module, export: 'f', services: all.services };
  const [a, b, c] = [pool.submit(options), pool.submit(options), pool.submit({ ...options, identity: 'order 7' })];
  await Promise.all([a, b, c].map((job: Job) => job.result));
  t.is(new Set(keysOf(all.calls)).size, 6);
  t.true(keysOf(all.calls).includes('order 7 2'));
  const silent = bank(() => false);
  const waiting = pool.submit({ ...options, services: silent.services });
  await until(() => silent.calls.length === 1);
  const copy = pool.resume(await waiting.suspend(), { identity: 'a copy', services: all.services });
  await copy.result;
  t.is(keysOf(all.calls).at(-1), 'a copy 2');
  for (const identity of ['', 'x'.repeat(201), 7])
    t.throws(() => pool.submit({ ...options, identity: identity as string }), { instanceOf: UsageError });
});

for (const failing of [false, true])
  test(`an answer that comes while the job is being saved is kept: ${failing ? 'an error' : 'a value'}`, async (t) => {
    await using busy = new Pool({ threads: 1 });
    const spin = await moduleOf('(module (func (export "spin") (loop (br 0))))');
    let calls = 0;
    let settle = () => {};
    const pay = (n: number) => {
      if (++calls > 1) return n;
      return new Promise((resolve, reject) => {
        settle = () => (failing ? reject(new RangeError('broke')) : resolve(40));
      });
    };
    const job = busy.submit({ module, export: 'f', services: { env: { pay } } });
    await until(() => job.status === 'waiting');
    // The only thread is busy, so saving has to wait for it.
    const other = busy.submit({ module: spin, export: 'spin' });
    await until(() => other.status === 'running');
    const saving = job.suspend();
    settle();
    const snapshot = await saving;
    other.cancel();
    for (const from of [snapshot, snapshot.encode()]) {
      calls = 1;
      const { result } = busy.resume(from, { modules: [module], services: { env: { pay } } });
      if (failing) {
        const error = await t.throwsAsync(result, { instanceOf: HostError });
        t.true((error as Error).cause instanceof RangeError);
      } else t.deepEqual(await result, [42]);
      t.is(calls, failing ? 1 : 2);
    }
  });

test('what bytes say about calls is not believed', async (t) => {
  const silent = bank(() => false);
  const job = pool.submit({ module, export: 'f', services: silent.services });
  await until(() => silent.calls.length === 1);
  const { bytes, progress } = await job.suspend();
  const answer = { id: 9, status: 'failed', error: { name: {}, fields: { __proto__: null } } } as never;
  const forged = new JobSnapshot(bytes, progress, false, 'me', answer).encode();
  const { result } = pool.resume(forged, { modules: [module], services: silent.services });
  await t.throwsAsync(result, { message: /of another call/ });
  for (const damaged of [{ id: 1, status: 'returned', value: { slice: () => 5 } }, 7])
    t.throws(() => JobSnapshot.decode(new JobSnapshot(bytes, progress, false, 'me', damaged as never).encode()), {
      code: 'snapshot',
    });
  const nameless = new JobSnapshot(bytes, progress, false, 'x'.repeat(201)).encode();
  t.throws(() => JobSnapshot.decode(nameless), { code: 'snapshot' });
});
