// The command line as a script sees it: what it prints where, and its exit codes. Each run is a process of its own.

import { readFile } from 'node:fs/promises';
import test from 'ava';
import { assembleText } from '../spec/script/assemble.ts';
import { Folder } from './wasbox.ts';

let folder: Folder;
const wasbox = (...args: string[]) => folder.wasbox(...args);

test.before(async () => {
  folder = await Folder.make();
});
test.after.always(() => folder.remove());

test('help tells of all commands, or of one', async (t) => {
  const all = await wasbox('help');
  t.is(all.code, 0);
  t.is(all.out, (await wasbox('--help')).out);
  const one = await wasbox('help', 'batch');
  t.is(one.code, 0);
  t.regex(one.out, /^Usage: wasbox batch/);
  t.is(one.out, (await wasbox('batch', '--help')).out);
});

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
    fuelUsed: 3,
  });
});

test('a run that has no end is stopped by its fuel, also where nothing is saved', async (t) => {
  const { code, out, err } = await wasbox('run', 'loop.wasm', '--fuel', '1e4');
  t.deepEqual([code, out], [5, '']);
  t.regex(err, /^wasbox: suspended: out of fuel \(1e4\)[^\n]*\n$/);
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

test('host functions come from a JavaScript module', async (t) => {
  t.deepEqual(await wasbox('run', 'host.wasm', '21', '--host', 'twice.mjs'), { code: 0, out: '42\n', err: '' });
});

test('a trap is told in one line, with its place', async (t) => {
  const { code, out, err } = await wasbox('run', 'math.wasm', '--invoke', 'div', '1', '0');
  t.is(code, 1);
  t.is(out, '');
  t.regex(err, /^wasbox: trap: integer divide by zero \(in div, at byte 0x[0-9a-f]+\)\n$/);
});

test('a damaged file is refused, wherever it was cut or changed', async (t) => {
  await wasbox('run', 'big.wasm', '15', '--fuel', '1000', '--save', 'whole.wbx');
  const whole = await readFile(folder.file('whole.wbx'));
  const changed = Buffer.from(whole);
  changed[whole.length - 20] = (changed[whole.length - 20] as number) ^ 1;
  const damaged = [whole.subarray(0, 10), whole.subarray(0, 60), whole.subarray(0, whole.length - 1), changed];
  for (const [i, bytes] of damaged.entries()) {
    await folder.write('damaged.wbx', bytes);
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

test('bytes of a memory are shown, and equal pages are counted', async (t) => {
  const text = `(module (memory (export "memory") 3) (data (i32.const 65600) "hello, wasbox\\00")
    (func (export "run") (memory.fill (i32.const 8192) (i32.const 7) (i32.const 12288)) (loop $forever (br $forever))))`;
  await folder.write('bytes.wasm', await assembleText(text));
  await wasbox('run', 'bytes.wasm', '--fuel', '50000', '--save', 'bytes.wbx');
  const { out } = await wasbox('inspect', 'bytes.wbx', '--bytes', '0x1003f+17');
  t.is(
    out,
    [
      '0001003f  00 68 65 6c 6c 6f 2c 20  77 61 73 62 6f 78 00 00  |.hello, wasbox..|',
      `0001004f  00${' '.repeat(46)}  |.|`,
      '',
    ].join('\n'),
  );
  t.regex((await wasbox('inspect', 'bytes.wbx', '--bytes', '0:0')).out, /^00000000 [^\n]*\n\*\n000000f0 [^\n]*\n$/);
  const json = await wasbox('inspect', 'bytes.wbx', '--bytes', '8192+2', '--json');
  t.deepEqual(JSON.parse(json.out), { kind: 'bytes', memory: 0, address: 8192, length: 2, hex: '0707' });
  t.regex((await wasbox('inspect', 'bytes.wbx')).out, /48 pages of 4 KiB, 44 are zero, and 2 equal to others/);
  for (const [given, message] of [
    ['196608', /beyond the 196608 bytes of memory 0/],
    ['1:0', /there is no memory 1/],
    ['x', /must be a whole number/],
    ['0+x', /must be a size/],
  ] as const) {
    const { code, err } = await wasbox('inspect', 'bytes.wbx', '--bytes', given);
    t.is(code, 2);
    t.regex(err, message);
  }
  t.regex((await wasbox('inspect', 'math.wasm', '--bytes', '0')).err, /saved program only/);
});
