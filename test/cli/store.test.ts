// Programs and batches that are kept in a store: gone on with after whatever ended them, looked at, and removed.

import { cp, readFile, rm, truncate } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type { Entry } from '../../src/pool/durable/entry.ts';
import { Ledger } from '../../src/pool/durable/ledger.ts';
import { assembleText } from '../spec/script/assemble.ts';
import { Folder } from './wasbox.ts';

let folder: Folder;
test.before(async () => {
  folder = await Folder.make();
});
test.after.always(() => folder.remove());

const jobsIn = async (store: string) => JSON.parse((await folder.wasbox('jobs', 'list', store, '--json')).out).jobs;

/** Until the store has something that is as it should be. */
async function until(t: ExecutionContext, is: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if (await is().catch(() => false)) return;
    await sleep(50);
  }
  t.fail('it never came');
}

test('the same command goes on with a program that is kept, and then tells its result without running it', async (t) => {
  const command = ['run', 'big.wasm', '20', '--store', 'runs', '--json'];
  const first = await folder.wasbox(...command, '--fuel', '50000');
  t.is(first.code, 5);
  const { key, status, reason } = JSON.parse(first.out);
  t.deepEqual([status, reason], ['suspended', 'fuel']);
  t.regex(first.err, /^wasbox: suspended: out of fuel \(50000\); kept in runs as big\.wasm-[0-9a-f]{12}\n$/);
  t.like((await jobsIn('runs'))[0], { key, state: 'live', by: 'run', title: 'big.wasm run 20', owner: null, saves: 1 });
  const second = await folder.wasbox(...command);
  t.is(second.code, 0);
  const { values, fuelUsed } = JSON.parse(second.out);
  t.deepEqual(values[0], { type: 'i64', value: '6765' });
  t.true(fuelUsed > 50_000);
  const third = await folder.wasbox(...command);
  t.deepEqual([third.code, third.out], [0, second.out]);
  const plain = await folder.wasbox('run', 'big.wasm', '20', '--store', 'runs');
  t.is(plain.out.split('\n')[0], '6765');
  const other = await folder.wasbox('run', 'big.wasm', '21', '--store', 'runs', '--key', key, '--json');
  t.is(other.code, 2);
  t.regex(JSON.parse(other.out).message, /is that of another job/);
});

test('a trap is a result, too', async (t) => {
  const command = ['run', 'math.wasm', '--invoke', 'div', '1', '0', '--store', 'traps', '--key', 'div'];
  const [first, second] = [await folder.wasbox(...command), await folder.wasbox(...command)];
  t.is(first.code, 1);
  t.deepEqual(second, first);
  t.like((await jobsIn('traps'))[0], { state: 'failed' });
});

test('killed in its midst, a program goes on from where it was last saved', async (t) => {
  // Enough to do for another process to start meanwhile, however slow the machine.
  const command = ['run', 'big.wasm', '40', '--store', 'killed', '--key', 'fib', '--save-every', '100ms'];
  const running = folder.start(...command, '--engine', 'interpreter');
  await until(t, async () => (await jobsIn('killed'))[0]?.saves > 2);
  const busy = await folder.wasbox(...command);
  t.is(busy.code, 2);
  t.regex(busy.err, /"fib" is under way in another process/);
  running.kill('SIGKILL');
  await running.end();
  const show = JSON.parse((await folder.wasbox('jobs', 'show', 'killed', 'fib', '--json')).out);
  t.like(show, { key: 'fib', state: 'live', checkpoint: { kind: 'saved program' } });
  t.regex((await folder.wasbox('jobs', 'show', 'killed', 'fib')).out, /fib/);
  const rest = await folder.wasbox('jobs', 'resume', 'killed', 'fib', '--json');
  t.is(rest.code, 0);
  t.deepEqual(JSON.parse(rest.out).values[0], { type: 'i64', value: '102334155' });
  t.deepEqual((await folder.wasbox(...command)).out.split('\n')[0], '102334155');
});

test('a program that is saved again and again takes what has changed, and goes on from all of it', async (t) => {
  // A MiB that nothing can be packed of, and then steps that change a few words of it.
  const wasm =
    await assembleText(`(module (memory 16) (func (export "run") (param $n i32) (result i32) (local $i i32) (local $x i32)
    (local.set $x (i32.const 12345))
    (loop $fill
      (local.set $x (i32.xor (local.get $x) (i32.shl (local.get $x) (i32.const 13))))
      (local.set $x (i32.xor (local.get $x) (i32.shr_u (local.get $x) (i32.const 17))))
      (local.set $x (i32.xor (local.get $x) (i32.shl (local.get $x) (i32.const 5))))
      (i32.store (local.get $i) (local.get $x))
      (br_if $fill (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 4))) (i32.const 1048576))))
    (local.set $i (i32.const 0))
    (loop $step
      (i32.store (i32.const 5000) (i32.add (local.get $i) (i32.load (i32.const 5000))))
      (br_if $step (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (i32.load (i32.const 5000))))`);
  await folder.write('fill.wasm', wasm);
  const command = ['run', 'fill.wasm', '3000000', '--store', 'fills', '--key', 'fill', '--save-every', '2e6'];
  for (const engine of ['interpreter', 'native']) {
    const first = await folder.wasbox(...command, '--engine', engine, '--fuel', '20000000', '--json');
    t.is(first.code, 5, first.err);
    const ledger = new Ledger(folder.file('fills'), 10_000);
    try {
      for await (const { entry } of ledger.entries()) {
        // Wherever the saves fell while the memory was being filled.
        const { checkpoint } = entry as Entry;
        const [, ...changes] = await ledger.states(checkpoint as string);
        const last = (changes.at(-1) as Uint8Array).length;
        t.true(last < 20_000, `${last} bytes`);
        t.true((await ledger.state(checkpoint as string)).length > 2 ** 20);
      }
    } finally {
      await ledger.close();
    }
  }
  const whole = await folder.wasbox('run', 'fill.wasm', '3000000');
  const rest = await folder.wasbox('jobs', 'resume', 'fills', 'fill');
  t.deepEqual([rest.code, rest.out], [0, whole.out]);
});

test('an interrupted program is saved, and its key free for whoever goes on', async (t) => {
  const running = folder.start('run', 'ready.wasm', '--host', 'ready.mjs', '--store', 'signals', '--key', 'loop');
  await running.saw(/ready/);
  running.kill('SIGINT');
  const { code } = await running.end();
  const { err } = running;
  t.is(code, 5);
  t.regex(err, /interrupted; kept in signals as loop/);
  const on = await folder.wasbox('jobs', 'resume', 'signals', 'loop', '--host', 'ready.mjs', '--fuel', '1e6');
  t.is(on.code, 5);
  t.regex(on.err, /out of fuel \(1e6\); kept in signals as loop/);
  const lacking = await folder.wasbox('jobs', 'resume', 'signals', 'loop', '--json');
  t.is(lacking.code, 4, 'host functions are given anew');
});

test('jobs are listed, shown and removed; a store’s heads are a tree', async (t) => {
  for (const n of ['1', '2', '3'])
    await folder.wasbox('run', 'math.wasm', '--invoke', 'add', n, n, '--store', 'kept', '--key', `sums/${n}`);
  const list = await folder.wasbox('jobs', 'list', 'kept');
  t.deepEqual(
    list.out
      .trim()
      .split('\n')
      .map((line) => line.split(/\s{2,}/).slice(0, 2)),
    [
      ['key', 'state'],
      ['sums/1', 'done'],
      ['sums/2', 'done'],
      ['sums/3', 'done'],
    ],
  );
  t.like(JSON.parse((await folder.wasbox('jobs', 'show', 'kept', 'sums/2', '--json')).out), {
    result: { status: 'returned', values: [{ type: 'i32', value: 4 }] },
  });
  const removed = await folder.wasbox('jobs', 'rm', 'kept', 'sums/1', 'sums/2');
  t.deepEqual([removed.code, removed.out], [0, '']);
  t.regex(removed.err, /^wasbox: 2 jobs removed, .* freed\n$/);
  const tree = await folder.wasbox('inspect', 'kept');
  t.regex(tree.out, /^kept: a store of 1 head\n {2}job\/\n {4}sums\/\n {6}3 {2}version \d+, 1 link, .*\n$/);
  const { kind, heads } = JSON.parse((await folder.wasbox('inspect', 'kept', '--json')).out);
  t.deepEqual([kind, heads.length, heads[0].name], ['store', 1, 'job/sums/3']);
});

test('a batch that was killed goes on in the midst of its jobs', async (t) => {
  // The last two take some seconds, as often as they are saved.
  const numbers = [26, 27, 5, 33, 34];
  await folder.lines(
    'fibs.jsonl',
    numbers.map((n) => ({ module: 'big.wasm', export: 'run', args: [n] })),
  );
  const command = ['batch', 'fibs.jsonl', '--threads', '2', '--store', 'batches', '--save-every', '1e6', '--json'];
  const running = folder.start(...command);
  await until(t, async () => (await jobsIn('batches')).some(({ saves }: { saves: number }) => saves > 0));
  running.kill('SIGKILL');
  await running.end();
  const kept = await jobsIn('batches');
  t.true(kept.some(({ state }: { state: string }) => state === 'live'));
  const { code, out } = await folder.wasbox(...command);
  t.is(code, 0);
  const results = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const fib = (n: number): number => (n < 2 ? n : fib(n - 1) + fib(n - 2));
  t.deepEqual(
    results.sort((a, b) => a.index - b.index).map(({ index, values }) => [index, values[0].value]),
    numbers.map((n, i) => [i, String(fib(n))]),
  );
  t.deepEqual(await jobsIn('batches'), [], 'a batch that is done is run anew by whoever asks for it');
});

test('an interrupted batch saves its jobs', async (t) => {
  await folder.lines('loops.jsonl', [{ module: 'loop.wasm' }, { module: 'math.wasm', export: 'add', args: [1, 2] }]);
  const running = folder.start('batch', 'loops.jsonl', '--threads', '1', '--store', 'loops', '--save-every', '1h');
  await until(t, async () => (await jobsIn('loops')).length === 1);
  running.kill('SIGTERM');
  const { code } = await running.end();
  const { err } = running;
  t.is(code, 5);
  t.regex(err, /interrupted: 0 of 2 jobs are done; --store loops goes on/);
  t.like((await jobsIn('loops'))[0], { state: 'live', owner: null, saves: 1 });
});

test('failures are told as everywhere', async (t) => {
  await folder.wasbox('run', 'math.wasm', '--invoke', 'add', '1', '1', '--store', 'whole', '--key', 'a');
  await cp(folder.file('whole'), folder.file('cut'), { recursive: true });
  await truncate(folder.file('cut/data.mdb'), 9000);
  await rm(folder.file('cut/lock.mdb'), { force: true });
  await folder.write('file', 'no folder');
  const failures: readonly [string, number, string, RegExp][] = [
    ['jobs list nowhere', 2, 'usage', /nowhere is no store/],
    ['jobs show whole b', 2, 'usage', /whole has no job "b"/],
    ['jobs rm whole b', 2, 'usage', /whole has no job "b"/],
    ['jobs resume whole b', 2, 'usage', /whole has no job "b"/],
    ['jobs list cut', 9, 'store', /damaged/],
    ['inspect cut', 9, 'store', /damaged/],
    ['inspect .', 2, 'usage', /\. is no store: it has no file data\.mdb/],
    ['run math.wasm --invoke add 1 1 --store cut', 9, 'store', /damaged/],
    ['run math.wasm --invoke add 1 1 --store file', 9, 'store', /the folder cannot be made/],
    ['run math.wasm --invoke add 1 1 --store whole --save-every 0', 2, 'usage', /--save-every/],
    ['run math.wasm --invoke add 1 1 --store whole --save-every 5days', 2, 'usage', /--save-every/],
    ['run math.wasm --invoke add 1 1 --key a', 2, 'usage', /--store/],
    ['run math.wasm --invoke add 1 1 --save-every 1s', 2, 'usage', /--store/],
    ['batch none.jsonl --save-every 1s', 2, 'usage', /--store/],
  ];
  for (const [line, exit, code, message] of failures) {
    const { code: told, out, err } = await folder.wasbox(...line.split(' '), '--json');
    t.is(told, exit, `${line}: ${err}`);
    t.like(JSON.parse(out), { status: 'failed', code }, line);
    t.regex(err, message, line);
    t.is(err.trim().split('\n').length, 1, err);
  }
  t.regex((await folder.wasbox('jobs', '--help')).out, /list.*\n.*\n?.*show/);
  t.true((await readFile(folder.file('whole/data.mdb'))).length > 9000);
});
