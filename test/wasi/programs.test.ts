// Programs in C and Rust, from beginning to end, stopped anywhere and gone on with elsewhere.

import test from 'ava';
import { VM } from '../../src/index.ts';
import { exitCodeOf, wasi } from '../../src/wasi/index.ts';
import { begun, engines, hopped, program, run, text, told, ways } from './run.ts';

const hello = program('hello');
const files = program('files');
const time = program('time');
const words = program('words');
const work = program('work');

test('C: arguments, standard streams, an exit code', async (t) => {
  for (const way of ways) {
    const { code, stdout, stderr, vm } = await run(hello, { args: ['hello', 'hi'], stdin: 'Ann\nBob\n' }, way);
    t.deepEqual([code, stdout, stderr], [2, 'hi\nhello, Ann\nhello, Bob\n', '2 greeted\n'], told(way));
    t.is(vm.status, 'idle');
  }
});

test('saved in the middle of a read, and gone on with where other input comes', async (t) => {
  for (const engine of engines) {
    const never = () => new Promise<null>(() => {});
    let asked = 0;
    const first = wasi({ stdin: () => (asked++ === 0 ? 'Ann\nBo' : never()) });
    const vm = begun(hello, first.imports, engine);
    const outcome = vm.run();
    t.like(outcome, { status: 'suspended', reason: { kind: 'host', name: 'fd_read' } });
    t.is(text(first.of(vm).stdout), 'who is there?\nhello, Ann\n');
    const bytes = vm.save().encode();

    for (const to of engines) {
      const second = wasi({ stdin: ['b\nCleo\n'] });
      const there = VM.restore(bytes, { modules: [hello], imports: second.imports, engine: to });
      t.is(exitCodeOf(await there.runAsync()), 3);
      t.is(text(second.of(there).stdout), 'who is there?\nhello, Ann\nhello, Bob\nhello, Cleo\n');
    }
  }
});

test('C: directories and files, in memory, also saved in the midst of a listing', async (t) => {
  for (const way of ways) {
    const { code, stdout, stderr, vm, system } = await run(files, { files: { 'base/': '' }, args: ['', '/base'] }, way);
    t.is(code, 0, stderr);
    const lines = stdout.trimEnd().split('\n');
    t.is(lines[0], 'Text 8 and more', told(way));
    t.is(lines.at(-1), '41 entries');
    t.is(new Set(lines).size, 43);
    const left = system.of(vm).files;
    t.deepEqual(left['base/to'], { symlink: 'moved' });
    t.is(text(left['base/made/file-with-a-long-name-39'] as Uint8Array), 'text 39');
    t.is(Object.keys(left).length, 40);
  }
});

test('Rust: files, environment, a sleep', async (t) => {
  const given = { 'texts/a': 'one two two\nthree', 'texts/b': 'Three three, two', 'other.txt': 'One' };
  for (const way of ways) {
    const options = { args: ['words', '/texts', 'other.txt'], env: { MOST: '2', REPORT: '/report' }, files: given };
    const { code, stdout, stderr, vm, system } = await run(words, options, way);
    t.deepEqual([code, stdout, stderr], [0, '   3 three\n   3 two\n', ''], told(way));
    t.is(text(system.of(vm).files.report as Uint8Array), stdout);
    const missing = await run(words, { ...options, args: ['words', '/nothing'] }, way);
    t.is(missing.code, 66);
    t.regex(missing.stderr, /^\/nothing: No such file or directory/);
  }
});

test('C: work in small steps, as the benchmarks have it', async (t) => {
  const input = 'some of the input, and more of it\n';
  for (const way of ways) {
    const given = { stdin: input, files: { 'd/': '' } };
    const hash = await run(work, { ...given, args: ['work', 'hash', '1'] }, way);
    t.deepEqual([hash.code, hash.stderr], [0, '05002718\n'], told(way));
    const written = await run(work, { ...given, args: ['work', 'files', '300', '/d/f'] }, way);
    t.deepEqual([written.code, written.stderr], [0, '0093c6a5\n'], told(way));
    const bytes = written.system.of(written.vm).files['d/f'] as Uint8Array;
    t.deepEqual(
      [...bytes],
      Array.from({ length: 300 * 16 }, (_, i) => (i >> 4) & 255),
    );
    const contents = { f: new Uint8Array(1000) };
    const changed = await run(work, { stdin: 'ab', files: contents, args: ['work', 'change', '400', 'f'] }, way);
    t.is(changed.code, 0);
    const after = changed.system.of(changed.vm).files.f as Uint8Array;
    t.deepEqual(
      [...after].flatMap((byte, at) => (byte === 0 ? [] : [[at, byte]])),
      [0, 400, 800].map((at) => [at, 98]),
    );
    const copied = await run(work, { ...given, args: ['work', 'copy'] }, way);
    t.deepEqual([copied.code, copied.stdout], [0, input], told(way));
  }
});

test('a program sleeps without a thread, and is moved while it does', async (t) => {
  for (const engine of engines) {
    const system = wasi({ args: ['time', '3', '200'] });
    let vm = begun(time, system.imports, engine);
    let outcome = vm.run();
    let [sleeps, moves] = [0, 0];
    for (; outcome.status === 'suspended'; outcome = vm.run()) {
      sleeps++;
      const waits = vm.retry();
      if (waits === undefined) continue;
      t.true((waits.until as number) - Date.now() <= 201);
      vm = hopped(vm, time, system.imports, moves++ % 2 === 0 ? 'native' : 'interpreter');
      await vm.answer();
    }
    t.is(exitCodeOf(outcome), 0, 'no sleep was too short');
    t.is(text(system.of(vm).stdout), 'slept 1\nslept 2\nslept 3\n');
    t.true(sleeps >= 3 && moves >= 3);
  }
});

test('a fixed clock: no time goes by, and two runs are the same', async (t) => {
  for (const way of ways) {
    const options = { args: ['time', '50', '1000000'], clock: { start: new Date(0) } };
    const { code, stdout } = await run(time, options, way);
    t.is(code, 0);
    t.is(stdout.split('\n').length, 51);
  }
});

test('hundreds sleep at once, on no thread of their own', async (t) => {
  const system = wasi({ args: ['time', '1', '30'] });
  const vms = Array.from({ length: 200 }, () => begun(time, system.imports, 'interpreter'));
  const running = vms.map((vm) => vm.runAsync());
  t.deepEqual(new Set(vms.map(({ status }) => status)), new Set(['waiting']));
  const codes = (await Promise.all(running)).map(exitCodeOf);
  t.deepEqual(new Set(codes), new Set([0]));
  for (const vm of vms) vm.dispose();
});

test('equal programs use equal fuel on both engines, also hopping; what a call copies is paid for', async (t) => {
  const used = (more: object) =>
    Promise.all(
      ways.map(async (way) => {
        const options = { args: ['words', 'a'], clock: { start: 0n }, random: 1, ...more };
        return (await run(words, options, way)).vm.fuelUsed;
      }),
    );
  const [small, large] = [await used({ files: { a: 'b' } }), await used({ files: { a: `b${' '.repeat(100_000)}` } })];
  t.is(new Set(small).size, 1, `${small}`);
  t.is(new Set(large).size, 1, `${large}`);
  t.true((large[0] as number) - (small[0] as number) > 100_000 / 16);
});
