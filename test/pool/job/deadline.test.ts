// A deadline is one, whatever its job is busy with; and whoever shares its thread is served.

import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { InvalidError, LimitError, MalformedError, Module, Trap, UsageError, VM } from '../../../src/index.ts';
import { JobLimitError, type JobOptions, Pool } from '../../../src/pool/index.ts';
import { openStore } from '../../../src/store/open/open.ts';
import { arithmetic, moduleOf } from '../guests.ts';
import { hostileModules } from '../hostile.ts';

const deadline = 200;
/** Only a hang or an explosion takes so long. */
const generous = 15_000;

const threads = Number(process.env.WASBOX_DEADLINE_THREADS ?? 2);
const pool = new Pool({ threads });
test.after.always(() => pool.terminate());

const isExpected = (error: unknown): boolean =>
  [JobLimitError, LimitError, MalformedError, InvalidError, Trap].some((type) => error instanceof type);

/** The tenant's jobs, one after the other, until told to stop. */
async function tenant(stop: () => boolean): Promise<number> {
  let served = 0;
  for (; !stop() || served === 0; served++)
    await pool.submit({ module: arithmetic, export: 'add', args: [1, 1] }).result;
  return served;
}

for (const [name, bytes] of Object.entries(hostileModules))
  test.serial(`a module beside a tenant: ${name}`, async (t) => {
    const module = bytes();
    for (const engine of ['auto', 'native'] as const) {
      let over = false;
      const beside = tenant(() => over);
      const begun = performance.now();
      const job = pool.submit({ module, export: 'f', deadline, engine });
      const error = await job.result.then(
        () => undefined,
        (error: unknown) => error,
      );
      const took = performance.now() - begun;
      over = true;
      // Native code refuses what would grow too large.
      const isRefused =
        engine === 'native' && error instanceof UsageError && /cannot run the module/.test(error.message);
      t.true(isRefused || isExpected(error), String(error));
      t.true(took < generous);
      t.true((await beside) > 0);
      t.log(`${engine}: ${took.toFixed(0)} ms, ${(error as Error).name}`);
    }
  });

const large = await moduleOf(`(module (memory 1024) (global $n (mut i32) (i32.const 0))
  (func (export "f") (loop $next
    (i32.store (global.get $n) (i32.mul (global.get $n) (i32.const 0x9e3779b1)))
    (global.set $n (i32.add (global.get $n) (i32.const 4)))
    (br_if $next (i32.lt_u (global.get $n) (i32.const 0x4000000))))
    (loop (br 0))))`);

test.serial('a snapshot that takes long to read', async (t) => {
  const vm = new VM();
  const instance = vm.instantiate(large);
  const { bytes } = instance.vm.store.memories[0] as { bytes: Uint8Array };
  for (let at = 0; at < bytes.length; at += 64) bytes[at] = at >> 6;
  vm.start(instance.func('f'));
  vm.run({ fuel: 1000 });
  const saved = vm.save().encode();
  const begun = performance.now();
  const { result } = pool.resume(saved, { modules: [large], deadline: 20, overtime: 50 });
  await t.throwsAsync(result, { instanceOf: JobLimitError });
  const took = performance.now() - begun;
  t.true(took < generous);
  t.log(`${took.toFixed(0)} ms`);
  t.deepEqual(await pool.submit({ module: arithmetic, export: 'add', args: [1, 1] }).result, [2]);
});

test.serial('a job that cannot be saved in time is over all the same; with more overtime it is saved', async (t) => {
  for (const overtime of [1, 60_000]) {
    const job = pool.submit({ module: large, export: 'f', deadline: 500, overtime });
    const error = await t.throwsAsync(job.result, { instanceOf: JobLimitError });
    t.like(error, { limit: 'deadline', value: 500, code: 'limit' });
    if (overtime > 1) t.is(error?.snapshot?.vm.summary().memories[0], 1024);
    else t.is(error?.snapshot, undefined);
  }
});

test.serial('a job that never got a thread keeps what it was resumed from', async (t) => {
  await using narrow = new Pool({ threads: 1 });
  const vm = new VM();
  vm.start(vm.instantiate(large).func('f'));
  const snapshot = vm.save();
  const hang = new URL('../fixtures/host.ts', import.meta.url);
  const hanging = await moduleOf('(module (import "env" "hang" (func $h)) (func (export "f") (call $h)))');
  const first = narrow.submit({ module: hanging, export: 'f', host: hang });
  while (first.status !== 'running') await new Promise((resolve) => setTimeout(resolve, 1));
  const job = narrow.resume(snapshot, { modules: [large], deadline: 20, overtime: 20 });
  const error = await t.throwsAsync(job.result, { instanceOf: JobLimitError });
  t.is(error?.snapshot?.vm.summary().frames, 1);
  first.cancel();
  await t.throwsAsync(first.result);
  await narrow.terminate();
});

test.serial('bytes of a module are as good as the module, and what is wrong with them ends the job', async (t) => {
  const { bytes } = arithmetic;
  t.deepEqual(await pool.submit({ module: bytes, export: 'add', args: [1, 2] }).result, [3]);
  const job = pool.submit({ module: bytes, export: 'spin', sliceFuel: 1000 });
  while (job.stats.slices < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  const snapshot = await job.suspend();
  const again = pool.resume(snapshot.encode(), { modules: [bytes] });
  while (again.stats.slices < 1) await new Promise((resolve) => setTimeout(resolve, 1));
  again.cancel();
  for (let i = 0; i < 3; i++) {
    const bad = pool.submit({ module: bytes.slice(0, bytes.length - 1), export: 'add' });
    await t.throwsAsync(bad.result, { instanceOf: MalformedError });
  }
  t.is(Module.from(bytes).hash, arithmetic.hash);
});

for (const engine of ['interpreter', 'native'] as const)
  for (const key of [undefined, 'kept'])
    test(`a deadline counts from the submission or from the start: ${engine}${key ? ', in a store' : ''}`, async (t) => {
      const store = key === undefined ? undefined : await openStore(await mkdtemp(join(tmpdir(), 'wasbox-deadline-')));
      // Of a tenant's jobs one has a VM at a time.
      const pool = new Pool({ threads: 1, tenants: { one: { live: 1 } }, ...(store && { store }) });
      const job = (name: string, options: JobOptions) =>
        pool.submit({
          ...{
            module: arithmetic,
            export: name,
            args: name === 'add' ? [1, 2] : [],
            engine,
            tenant: 'one',
            ...options,
          },
          ...(key && { key: `${key} ${name} ${JSON.stringify(options)}` }),
        });
      const isLate = { instanceOf: JobLimitError, message: /used up its \d+ ms/ };
      const first = job('spin', { deadline: 400 });
      const late = job('add', { deadline: 100 });
      const patient = job('add', { deadline: 100, deadlineFrom: 'start' });
      const spinning = job('spin', { deadline: 100, deadlineFrom: 'start' });
      await Promise.all([
        t.throwsAsync(first.result, isLate),
        t.throwsAsync(late.result, isLate),
        t.throwsAsync(spinning.result, isLate),
        patient.result.then((values) => t.deepEqual(values, [3])),
      ]);
      t.is(late.stats.slices, 0);
      await pool.close();
      await store?.close();
    });

test('from when a deadline counts must be told in one of two words', (t) => {
  t.throws(() => pool.submit({ module: arithmetic, export: 'add', deadlineFrom: 'birth' as never }), {
    instanceOf: UsageError,
    message: /deadlineFrom/,
  });
});
