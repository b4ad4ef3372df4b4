// The command line as a script sees it: what it prints where, and its exit codes. Each run is a process of its own.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { assembleText } from './spec/assemble.ts';

const main = fileURLToPath(new URL('../dist/src/cli/main.js', import.meta.url));

const index = new URL('../dist/src/index.js', import.meta.url).href;

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs `wasbox` in the test's folder. */
function wasbox(...args: string[]): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], { cwd: folder }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err });
    });
  });
}

const modules = {
  'math.wasm': `(module
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "div") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
    (func (export "all") (param i64 f32 f64) (result f64 i64 f32)
      (local.get 2) (local.get 0) (local.get 1))
    (memory (export "memory") 1))`,
  'big.wasm': `(module
    (memory 2)
    (global $calls (mut i32) (i32.const 0))
    (func $fib (param $n i32) (result i64)
      (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
      (i32.store (i32.shl (local.get $n) (i32.const 2)) (global.get $calls))
      (if (result i64) (i32.lt_s (local.get $n) (i32.const 2))
        (then (i64.extend_i32_s (local.get $n)))
        (else (i64.add
          (call $fib (i32.sub (local.get $n) (i32.const 1)))
          (call $fib (i32.sub (local.get $n) (i32.const 2)))))))
    (func (export "run") (param $n i32) (result i64 i32 i32)
      (call $fib (local.get $n)) (global.get $calls) (i32.load (i32.const 20))))`,
  'start.wasm': `(module
    (global $n (mut i32) (i32.const 0))
    (func $count (loop $more
      (global.set $n (i32.add (global.get $n) (i32.const 1)))
      (br_if $more (i32.lt_s (global.get $n) (i32.const 5000)))))
    (start $count)
    (func (export "run") (param i32) (result i32) (i32.add (global.get $n) (local.get 0))))`,
  'host.wasm': `(module
    (import "env" "twice" (func $twice (param i32) (result i32)))
    (func (export "run") (param i32) (result i32) (call $twice (local.get 0))))`,
  'loop.wasm': '(module (func (export "run") (loop $forever (br $forever))))',
  'ready.wasm': `(module
    (import "env" "ready" (func $ready))
    (func (export "run") (call $ready) (loop $forever (br $forever))))`,
};

let folder = '';

test.before(async (t) => {
  t.true(existsSync(main), 'npm run build comes first');
  folder = await mkdtemp(join(tmpdir(), 'wasbox-cli-'));
  const write = async ([name, text]: [string, string]) => writeFile(join(folder, name), await assembleText(text));
  await Promise.all(Object.entries(modules).map(write));
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

test('the help names the commands and the exit codes', async (t) => {
  const { code, out } = await wasbox('--help');
  t.is(code, 0);
  t.regex(out, /^Usage: wasbox /);
  for (const word of ['run', 'resume', 'inspect', 'batch', 'Exit codes:']) t.true(out.includes(word), word);
});

test('arguments are read by the type of the function', async (t) => {
  t.deepEqual(await wasbox('run', 'math.wasm', '--invoke', 'add', '0x10', '-3'), { code: 0, out: '13\n', err: '' });
  const big = await wasbox('run', 'math.wasm', '--invoke', 'all', '--', '9223372036854775807', '1.5', '-inf');
  t.is(big.out, '-inf\n9223372036854775807\n1.5\n');
  const json = await wasbox('run', 'math.wasm', '--invoke', 'all', '1e3', 'nan', '2', '--json');
  t.deepEqual(JSON.parse(json.out), {
    status: 'returned',
    values: [
      { type: 'f64', value: 2 },
      { type: 'i64', value: '1000' },
      { type: 'f32', value: 'nan' },
    ],
    fuelUsed: 4,
  });
});

test('a run that is cut into processes gives what one run gives', async (t) => {
  const whole = await wasbox('run', 'big.wasm', '20', '--json');
  const first = await wasbox('run', 'big.wasm', '20', '--fuel', '1e5', '--save', 'a.wbx', '--json');
  t.is(first.code, 5);
  t.like(JSON.parse(first.out), { status: 'suspended', reason: 'fuel', saved: 'a.wbx' });
  const second = await wasbox('resume', 'a.wbx', '--fuel', '1e5', '--save', 'b.wbx');
  t.is(second.code, 5);
  t.regex(second.err, /^wasbox: suspended: out of fuel \(1e5\); saved to b\.wbx \(.*\)\n$/);
  const last = await wasbox('resume', 'b.wbx', '--json');
  t.is(last.code, 0);
  t.deepEqual(JSON.parse(last.out), JSON.parse(whole.out));
  t.is(JSON.parse(whole.out).values[0].value, '6765');
});

test('an engine is chosen by its name, and all give the same', async (t) => {
  const outs = await Promise.all(
    ['auto', 'interpreter', 'native'].map((engine) => wasbox('run', 'big.wasm', '18', '--json', '--engine', engine)),
  );
  for (const { code, out } of outs) t.deepEqual([code, out], [0, outs[0]?.out]);
  const wrong = await wasbox('run', 'big.wasm', '18', '--engine', 'mixed');
  t.is(wrong.code, 2);
  t.regex(wrong.err, /engine must be one of .*"mixed"/);
});

test('what was planned survives a suspension in the start function', async (t) => {
  const { code } = await wasbox('run', 'start.wasm', '7', '--fuel', '1000', '--save', 'start.wbx');
  t.is(code, 5);
  t.deepEqual(await wasbox('resume', 'start.wbx'), { code: 0, out: '5007\n', err: '' });
});

test('Ctrl-C saves, if there is a file to save to', async (t) => {
  const host = `import { hostFunction } from '${index}';
    export const imports = { env: { ready: hostFunction([], [], () => console.log('ready')) } };`;
  await writeFile(join(folder, 'ready.mjs'), host);
  const args = [main, 'run', 'ready.wasm', '--host', 'ready.mjs', '--save', 'interrupted.wbx'];
  const child = spawn(process.execPath, args, { cwd: folder });
  const ended = once(child, 'exit');
  await once(child.stdout, 'data');
  child.kill('SIGINT');
  t.deepEqual(await ended, [5, null]);
  const { out } = await wasbox('inspect', 'interrupted.wbx');
  t.regex(out, /suspended in a call/);
});

test('host functions come from a JavaScript module', async (t) => {
  const host = `import { hostFunction } from '${index}';
    export const imports = { env: { twice: hostFunction(['i32'], ['i32'], (n) => 2 * n) } };`;
  await writeFile(join(folder, 'host.mjs'), host);
  t.deepEqual(await wasbox('run', 'host.wasm', '21', '--host', 'host.mjs'), { code: 0, out: '42\n', err: '' });
  const without = await wasbox('run', 'host.wasm', '21');
  t.is(without.code, 4);
  t.regex(without.err, /^wasbox: .*twice.*\n$/);
});

test('a trap is told in one line, with its place', async (t) => {
  const { code, out, err } = await wasbox('run', 'math.wasm', '--invoke', 'div', '1', '0');
  t.is(code, 1);
  t.is(out, '');
  t.regex(err, /^wasbox: trap: integer divide by zero \(in div, at byte 0x[0-9a-f]+\)\n$/);
});

test('what is wrong has an exit code and one line', async (t) => {
  await writeFile(join(folder, 'text.wasm'), 'not a module');
  await writeFile(join(folder, 'invalid.wasm'), await assembleText('(module (func (result i32)))'));
  const cases: [string[], number, RegExp][] = [
    [['run', 'missing.wasm'], 2, /cannot read missing\.wasm: no such file/],
    [['run', '.'], 2, /cannot read \.: it is a folder/],
    [['run', 'text.wasm'], 3, /text\.wasm: magic header not detected/],
    [['run', 'invalid.wasm'], 3, /invalid\.wasm: type mismatch/],
    [['run', 'math.wasm'], 2, /which exported function is meant\? there are add, div, all/],
    [['run', 'math.wasm', '--invoke', 'sub'], 4, /no exported function "sub"; there are add, div, all/],
    [['run', 'math.wasm', '--invoke', 'add', '1'], 2, /add takes 2 arguments \[i32 i32\], 1 given/],
    [['run', 'math.wasm', '--invoke', 'add', '1', 'x'], 2, /argument 2 of add is of type i32, "x" is not/],
    [['run', 'math.wasm', '--invoke', 'add', '1', '4294967296'], 2, /"4294967296" is not/],
    [['run', 'math.wasm', '--fuel', '-1', '--invoke', 'add', '1', '2'], 2, /--fuel must be a whole number/],
    [['run', 'loop.wasm', '--fuel', '1e4'], 5, /out of fuel \(1e4\); nothing is saved/],
    [['run', 'math.wasm', '--wrong'], 2, /unknown option '--wrong'/],
    [['launch'], 2, /unknown command 'launch'/],
    [['inspect', 'text.wasm'], 2, /neither a WebAssembly module nor a saved program/],
    [['resume', 'math.wasm'], 6, /math\.wasm: not a snapshot/],
    [['batch', 'missing.jsonl'], 2, /cannot read missing\.jsonl/],
  ];
  for (const [args, expected, message] of cases) {
    const { code, out, err } = await wasbox(...args);
    t.is(code, expected, `${args.join(' ')}: ${err}`);
    t.is(out, '', args.join(' '));
    t.regex(err, message);
    t.regex(err, /^wasbox: [^\n]*\n$/, args.join(' '));
  }
});

test('a damaged file is refused, wherever it was cut or changed', async (t) => {
  await wasbox('run', 'big.wasm', '15', '--fuel', '1000', '--save', 'whole.wbx');
  const whole = await readFile(join(folder, 'whole.wbx'));
  const changed = Buffer.from(whole);
  changed[whole.length - 20] = (changed[whole.length - 20] as number) ^ 1;
  const damaged = [whole.subarray(0, 10), whole.subarray(0, 60), whole.subarray(0, whole.length - 1), changed];
  for (const [i, bytes] of damaged.entries()) {
    await writeFile(join(folder, 'damaged.wbx'), bytes);
    const { code, err } = await wasbox('resume', 'damaged.wbx');
    t.true(code === 6 || (i === 3 && code === 3), `case ${i}: ${code}`);
    t.regex(err, /^wasbox: damaged\.wbx: [^\n]*\n$/);
  }
});

test('inspect shows what is in a module', async (t) => {
  const { code, out } = await wasbox('inspect', 'math.wasm');
  t.is(code, 0);
  for (const line of [
    /^module math\.wasm: /,
    /^ {2}add +func \[i32 i32\] -> \[i32\]$/m,
    /^ {2}memory +memory 1 /m,
    /^imports: none$/m,
  ])
    t.regex(out, line);
  const json = JSON.parse((await wasbox('inspect', 'math.wasm', '--json')).out);
  t.like(json, { kind: 'module', counts: { functions: 3, memories: 1, exports: 4 } });
  t.true(json.sections.some(({ name }: { name: string }) => name === 'code'));
  t.regex((await wasbox('inspect', 'math.wasm', '--func', 'add')).out, /0x4 +i32\.add/);
});

test('inspect shows the stack of a saved program with names and values', async (t) => {
  await wasbox('run', 'big.wasm', '15', '--fuel', '2000', '--save', 'stack.wbx');
  const { out } = await wasbox('inspect', 'stack.wbx', '--frames', '99');
  t.regex(out, /state: suspended in a call/);
  t.regex(out, /#0 fib \(function 0\) at pc 0, byte 0x[0-9a-f]+: /);
  t.regex(out, /^ +n +i32 +15$/m);
  t.regex(out, /^ {2}#\d+ run \(function 1\) at pc \d+, byte 0x[0-9a-f]+: global\.get 0$/m);
  const json = JSON.parse((await wasbox('inspect', 'stack.wbx', '--json', '--frames', '1')).out);
  t.is(json.stack.length, 1);
  t.like(json.stack[0], { name: 'fib', pc: 0, locals: [{ name: 'n', type: 'i32' }] });
  t.true(json.frames > 1);
});

test('batch runs the jobs of a file, and tells which of them failed', async (t) => {
  await writeFile(
    join(folder, 'add.mjs'),
    `export const start = (_guest, numbers) => ({ call: 'add', args: numbers, next: 'end' });
     export const end = (_guest, _state, [sum]) => ({ done: { sum, bytes: new Uint8Array([1, 2]) } });`,
  );
  const jobs = [
    { name: 'sum', module: 'math.wasm', export: 'add', args: [2, '3'] },
    { name: 'trap', module: 'math.wasm', export: 'div', args: [1, 0] },
    { name: 'steps', module: 'math.wasm', program: 'add.mjs', input: [20, 30] },
    { name: 'endless', module: 'loop.wasm', fuel: '1e5' },
  ];
  await writeFile(join(folder, 'jobs.jsonl'), `${jobs.map((job) => JSON.stringify(job)).join('\n')}\n`);
  const { code, out, err } = await wasbox('batch', 'jobs.jsonl', '--threads', '1', '--json');
  t.is(code, 1);
  t.regex(err, /2 jobs done, 2 failed/);
  const lines = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const byName = Object.fromEntries(lines.map((line) => [line.name, line]));
  t.like(byName.sum, { status: 'done', output: [5] });
  t.like(byName.trap, { status: 'failed', code: 'trap', error: 'integer divide by zero' });
  t.like(byName.steps, { status: 'done', output: { sum: 50, bytes: { base64: 'AQI=' } } });
  t.like(byName.endless, { status: 'failed', code: 'limit' });
});

test('a mistake in a jobs file is told with its line, before anything runs', async (t) => {
  const good = '{ "module": "math.wasm", "export": "add", "args": [1, 2] }';
  const cases: [string, number, RegExp][] = [
    ['{', 2, /line 2: no JSON/],
    ['[]', 2, /line 2: a job is a JSON object/],
    ['{ "module": "math.wasm", "exports": "add" }', 2, /line 2: there is no key "exports"; keys are name, module,/],
    ['{ "module": "nowhere.wasm" }', 2, /line 2: there is no module nowhere\.wasm/],
    ['{ "module": "math.wasm", "export": "add", "args": [1] }', 2, /line 2: add takes 2 arguments/],
  ];
  for (const [line, expected, message] of cases) {
    await writeFile(join(folder, 'bad.jsonl'), `${good}\n${line}\n`);
    const { code, out, err } = await wasbox('batch', 'bad.jsonl');
    t.is(code, expected);
    t.is(out, '');
    t.regex(err, message);
  }
});
