// One form for all that is saved: whoever reads, reads what any of the others wrote, now or in older versions.

import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import { Module, Snapshot, SnapshotError, UsageError, VM } from '../../src/index.ts';
import { type JobLimitError, JobSnapshot, Pool } from '../../src/pool/index.ts';
import { extrasOf, noExtras } from '../../src/snapshot/container/extras.ts';
import { readParts } from '../../src/snapshot/container/parts.ts';
import { closeSaved, openSaved } from '../../src/snapshot/container/whole.ts';
import { container, type Part, partsOf, stored } from '../snapshot/container.ts';
import { arithmetic } from './guests.ts';

const fixture = (name: string) => readFile(new URL(`../fixtures/${name}`, import.meta.url));
const bytes = await fixture('start.wasm');
/** Its start function counts to 5000; `run` adds its argument. */
const module = Module.from(bytes);
const call = { export: 'run', args: ['7'] };

const pool = new Pool({ threads: 1 });
test.after.always(() => pool.terminate());

/** In `run`. */
function vmInCall(): VM {
  const vm = new VM();
  vm.start(vm.instantiate(module).func('run'), [7]);
  vm.run({ steps: 2 });
  return vm;
}
/** In the start function, with `run` to follow. */
function vmAtStart(): VM {
  const vm = new VM();
  vm.instantiate(module, {}, { start: 'defer' });
  vm.run({ fuel: 1000 });
  return vm;
}
async function job(): Promise<JobSnapshot> {
  const limited = pool.submit({ module, export: 'run', args: [7], limits: { fuel: 1000 } });
  const error = await limited.result.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return (error as JobLimitError).snapshot as JobSnapshot;
}
async function cliFile(): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), 'wasbox-forms-'));
  const args = ['run', fileURLToPath(new URL('../fixtures/start.wasm', import.meta.url)), '7', '--fuel', '1000'];
  await wasbox(...args, '--save', join(folder, 'saved'));
  const saved = await readFile(join(folder, 'saved'));
  await rm(folder, { recursive: true });
  return saved;
}

const main = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
const wasbox = (...args: string[]): Promise<{ stdout: string }> =>
  promisify(execFile)(process.execPath, [main, ...args]).catch((error: { stdout: string }) => error);

const writers: Readonly<Record<string, () => Promise<Uint8Array>>> = {
  'a VM': async () => vmInCall().save().encode(),
  'a VM with its modules': async () =>
    vmInCall()
      .save()
      .encode({ modules: [module] }),
  'a VM with a plan': async () =>
    vmAtStart()
      .save()
      .encode({ calls: [call] }),
  'a VM that was read and written again': async () =>
    Snapshot.decode(
      vmAtStart()
        .save()
        .encode({ calls: [call], modules: [module] }),
    ).encode(),
  'a job': async () => (await job()).encode(),
  'a job that was resumed from a VM': async () => JobSnapshot.of(vmInCall().save()).encode(),
  'a job that was resumed from a plan': async () =>
    JobSnapshot.decode(
      vmAtStart()
        .save()
        .encode({ calls: [call], modules: [module] }),
    ).encode(),
  'the command line': cliFile,
  'the command line of version 0.1': () => fixture('run-v1.wbx'),
  'a job of version 0.1': () => fixture('job-v1.wbx'),
};

for (const [who, write] of Object.entries(writers)) {
  test(`what ${who} has saved is read by a VM and as a snapshot`, async (t) => {
    const saved = await write();
    for (const from of [saved, Snapshot.decode(saved)]) {
      const vm = VM.restore(from, { modules: [module] });
      t.is(vm.run().status, 'returned');
      t.deepEqual(vm.invoke(vm.instance().func('run'), [7]), [5007]);
    }
  });

  test(`what ${who} has saved is resumed by a pool`, async (t) => {
    const saved = await write();
    const forms = [saved, Snapshot.decode(saved), JobSnapshot.decode(saved), JobSnapshot.decode(saved).encode()];
    for (const from of forms) t.deepEqual(await pool.resume(from, { modules: [module] }).result, [5007]);
  });

  test(`what ${who} has saved is read by the command line`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'wasbox-forms-'));
    t.teardown(() => rm(folder, { recursive: true, force: true }));
    const [saved, wasm] = [join(folder, 'saved'), join(folder, 'module')];
    await Promise.all([write().then((from) => writeFile(saved, from)), writeFile(wasm, bytes)]);
    t.is((await wasbox('resume', '--module', wasm, saved)).stdout, '5007\n');
    const { stdout } = await wasbox('inspect', saved, '--module', wasm, '--json');
    t.like(JSON.parse(stdout), { kind: 'saved program', instances: 1, modules: [module.hash] });
  });
}

const alone = ['a VM with its modules', 'the command line', 'the command line of version 0.1'];

test('what holds its modules needs no others', async (t) => {
  for (const who of alone) {
    const saved = await (writers[who] as (typeof writers)[string])();
    t.is(VM.restore(saved).run().status, 'returned', who);
    t.deepEqual(await pool.resume(saved).result, [5007], who);
  }
  t.throws(() => VM.restore(vmInCall().save().encode()), { instanceOf: SnapshotError, message: /is needed/ });
});

test('modules are believed by their hash only: another one that came along is not even decoded', async (t) => {
  const { vm } = openSaved(vmInCall().save().encode());
  const others = [new Uint8Array(8), arithmetic.bytes];
  const forged = closeSaved({ vm, extras: { ...noExtras, modules: others } });
  t.throws(() => VM.restore(forged), { instanceOf: SnapshotError, message: /is needed/ });
  t.is(VM.restore(forged, { modules: [module] }).run().status, 'returned');
});

test('the VM stands in the same bytes whatever stands beside it', async (t) => {
  const plain = vmInCall().save().encode();
  const { vm, extras } = openSaved(
    vmInCall()
      .save()
      .encode({ modules: [module], calls: [call] }),
  );
  t.deepEqual(Snapshot.decode(vm).encode(), plain);
  t.deepEqual(extras.calls, [call]);
  t.deepEqual(extras.modules, [module.bytes]);
});

test('a job in the midst of a program is not taken for another one by the command line', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'wasbox-forms-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const saved = join(folder, 'saved');
  const { bytes: vm, progress } = await job();
  const of = new JobSnapshot(vm, { ...progress, next: 'end' }, false, 'me', undefined, undefined, [bytes], true);
  await writeFile(saved, of.encode());
  const { stdout } = await wasbox('resume', saved, '--json');
  t.like(JSON.parse(stdout), { status: 'failed', code: 'usage' });
  t.regex(stdout, /a job of a program, whose next step is .{1,2}end.{1,2}: give it with --program/);
});

// What is forged.

/** A container with an extra part. */
const withPart = (part: Part): Uint8Array => container([...partsOf(vmInCall().save().encode()), part], 3);
const kinds = { modules: 3, calls: 4, job: 5 };
const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

test('damaged and forged extras are refused by all who read them', async (t) => {
  const cases: Record<string, Part> = {
    'a module cut short': stored(kinds.modules, new Uint8Array([200, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8])),
    'modules of no bytes': stored(kinds.modules, new Uint8Array(4000)),
    'calls that are none': stored(kinds.calls, json([{ export: 'run', args: [7] }])),
    'calls that are no list': stored(kinds.calls, json({ export: 'run', args: [] })),
    'no JSON': stored(kinds.calls, new Uint8Array([0x5b])),
    'a part that is packed': { ...stored(kinds.calls, new Uint8Array(10)), coding: 1, size: 11 },
  };
  for (const [what, part] of Object.entries(cases)) {
    const forged = withPart(part);
    t.throws(() => Snapshot.decode(forged), { instanceOf: SnapshotError }, what);
    t.throws(() => VM.restore(forged, { modules: [module] }), { instanceOf: SnapshotError }, what);
    await t.throwsAsync(
      async () => pool.resume(forged, { modules: [module] }).result,
      { instanceOf: SnapshotError },
      what,
    );
  }
  const garbled = withPart(stored(kinds.job, new Uint8Array(20)));
  await t.throwsAsync(async () => pool.resume(garbled).result, { instanceOf: SnapshotError });
});

test('calls that follow have a bound, which whoever writes them hears of', (t) => {
  const calls = [{ export: 'x'.repeat(2 ** 22), args: [] }];
  t.throws(() => vmInCall().save().encode({ calls }), { instanceOf: SnapshotError, message: /are the most/ });
  const many = withPart(stored(kinds.calls, new Uint8Array(2 ** 18)));
  const parts = readParts(many);
  const long = {
    ...parts,
    parts: Array.from({ length: 17 }, () => parts.parts.at(-1) as (typeof parts.parts)[number]),
  };
  t.throws(() => extrasOf(long), { instanceOf: SnapshotError, message: /use for 4194304 at the most/ });
});

test('what is no call or no module is told at once', (t) => {
  const snapshot = vmInCall().save();
  t.throws(() => snapshot.encode({ modules: [bytes as never] }), { instanceOf: UsageError, message: /modules\[0\]/ });
  t.throws(() => snapshot.encode({ calls: [{ export: 'run', args: [7 as never] }] }), {
    instanceOf: UsageError,
    message: /calls\[0\]/,
  });
});

test('calls that follow are made in turn, each with its arguments by its types', async (t) => {
  const vm = new VM();
  vm.instantiate(arithmetic);
  const calls = [
    { export: 'add', args: ['1', '0x10'] },
    { export: 'pair', args: ['-9223372036854775808'] },
  ];
  const saved = vm.save().encode({ calls, modules: [arithmetic] });
  t.deepEqual(await pool.resume(saved).result, [-(2n ** 63n), Number.NaN]);
  const wrong = vm.save().encode({ calls: [{ export: 'add', args: ['x', '1'] }], modules: [arithmetic] });
  await t.throwsAsync(pool.resume(wrong).result, { message: /argument 1 of add is of type i32/ });
});
