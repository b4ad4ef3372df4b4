// Each command's failures: the exit code, one line for people, and with --json an object for programs.

import { writeFile } from 'node:fs/promises';
import test from 'ava';
import { Module, VM } from '../../src/index.ts';
import { assembleText } from '../spec/script/assemble.ts';
import { Folder, main } from './wasbox.ts';

let folder: Folder;
test.before(async () => {
  folder = await Folder.make();
  const invalid = await assembleText('(module (func (result i32)))');
  const component = new Uint8Array([0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0]);
  const module = Module.from(await assembleText('(module (func (export "f")))'));
  const vm = new VM();
  vm.instantiate(module);
  await Promise.all([
    folder.write('text.wasm', 'not a module'),
    folder.write('module.wat', ';; a comment\n  (module (func))'),
    folder.write('empty.wasm', ''),
    folder.write('invalid.wasm', invalid),
    folder.write('component.wasm', component),
    folder.write(
      'member.wasm',
      await assembleText('(module (import "wasbox" "close" (func (param i32) (result i32))) (func (export "main")))'),
    ),
    folder.write('needy.wbx', vm.save().encode()),
    folder.write('throws.mjs', 'throw new Error("no host today");'),
    folder.write('nothing.mjs', 'export const other = 1;'),
    folder.write('no.jsonl', 'no job\n'),
    folder.write('results.jsonl', '{"index":0,"job":"0123456789abcdef"}\n'),
    folder.write('odd.jsonl', '{"index":0}\n'),
    folder.lines('one.jsonl', [{ module: 'math.wasm', export: 'add', args: [1, 2] }]),
    writeFile(folder.file('cut.wbx'), (await folderSaved()).subarray(0, 100)),
  ]);
});
test.after.always(() => folder.remove());

async function folderSaved(): Promise<Uint8Array> {
  const vm = new VM();
  vm.instantiate(Module.from(await assembleText('(module (memory 1))')));
  return vm.save().encode();
}

const host = ['--host', 'twice.mjs'];

/** What is typed, the exit code, the code in JSON, and the line. */
const failures: readonly [string, number, string, RegExp][] = [
  ['run missing.wasm', 2, 'usage', /cannot read missing\.wasm: no such file or folder/],
  ['run .', 2, 'usage', /cannot read \.: it is a folder/],
  ['run text.wasm', 3, 'malformed', /text\.wasm: magic header not detected/],
  ['run module.wat', 3, 'malformed', /module\.wat: not a module: it is WebAssembly text; make it a module first/],
  ['run empty.wasm', 3, 'malformed', /empty\.wasm: not a module: the file is empty/],
  ['run component.wasm', 3, 'malformed', /it is a WebAssembly component/],
  ['run needy.wbx', 3, 'malformed', /it is a saved program, which `wasbox resume` takes/],
  ['run invalid.wasm', 3, 'invalid', /invalid\.wasm: type mismatch/],
  ['run math.wasm', 2, 'usage', /which exported function is meant\? there are add, div, all/],
  ['run math.wasm --invoke sub', 4, 'link', /no exported function "sub"; there are add, div, all/],
  ['run math.wasm --invoke memory', 4, 'link', /no exported function "memory"/],
  ['run math.wasm --invoke add 1', 2, 'usage', /add takes 2 arguments \[i32 i32\], 1 given/],
  ['run math.wasm --invoke add 1 x', 2, 'usage', /argument 2 of add is of type i32, "x" is not/],
  ['run math.wasm --invoke add 1 4294967296', 2, 'usage', /"4294967296" is not/],
  ['run math.wasm --invoke add 1 2 --fuel -1', 2, 'usage', /--fuel must be a whole number of at least 0, "-1" is not/],
  ['run math.wasm --invoke add 1 2 --timeout 0', 2, 'usage', /--timeout must be a whole number from 1 to 2147483647/],
  ['run math.wasm --invoke add 1 2 --memory 1T', 2, 'usage', /--memory must be a size such as 65536, 64K/],
  ['run math.wasm --invoke add 1 2 --engine mixed', 2, 'usage', /engine must be one of auto, .*"mixed"/],
  ['run math.wasm --invoke add 1 2 --save no/where', 2, 'usage', /cannot write no\/where: no such file or folder/],
  ['run math.wasm --invoke add 1 2 --save .', 2, 'usage', /cannot write \.: it is a folder/],
  ['run math.wasm --invoke div 1 0', 1, 'trap', /trap: integer divide by zero \(in div, at byte 0x[0-9a-f]+\)/],
  ['run math.wasm --memory 1K --invoke add 1 2', 7, 'limit', /limit: a memory of 65536 bytes is over the limit/],
  [
    'run many.wasm',
    4,
    'link',
    /3 imports are missing: env\.a \(.*\), env\.b \(.*\), other\.c \(.*\); give them with --host/,
  ],
  [
    'run member.wasm',
    4,
    'link',
    /wasbox\.close \(.*\); a member of a group has what `wasbox` gives \(`Group` of wasbox\/talk\)/,
  ],
  ['run many.wasm --host twice.mjs', 4, 'link', /3 imports are missing: .*; twice\.mjs does not give them/],
  [
    'run host.wasm 21',
    4,
    'link',
    /an import is missing: env\.twice \(a function \[i32\] -> \[i32\]\); give it with --host/,
  ],
  ['run host.wasm 21 --host missing.mjs', 2, 'usage', /cannot read missing\.mjs/],
  ['run host.wasm 21 --host throws.mjs', 2, 'usage', /cannot load throws\.mjs: no host today/],
  ['run host.wasm 21 --host nothing.mjs', 2, 'usage', /nothing\.mjs exports no `imports`/],
  ['run asks.wasm --host never.mjs', 1, 'host', /the guest waits, and nothing is left that it could wait for/],
  ['run math.wasm --wrong', 2, 'usage', /unknown option '--wrong'/],
  ['run', 2, 'usage', /missing required argument 'file'/],
  ['launch', 2, 'usage', /unknown command 'launch'/],
  ['help launch', 2, 'usage', /unknown command 'launch'/],
  ['inspect missing.wasm', 2, 'usage', /cannot read missing\.wasm/],
  ['inspect text.wasm', 2, 'usage', /neither a WebAssembly module nor a saved program/],
  ['inspect module.wat', 2, 'usage', /it is WebAssembly text/],
  ['inspect empty.wasm', 2, 'usage', /the file is empty/],
  ['inspect math.wasm --func sub', 2, 'usage', /the module has no function "sub"/],
  ['inspect math.wasm --frames x', 2, 'usage', /--frames must be a whole number/],
  ['inspect cut.wbx', 6, 'snapshot', /cut\.wbx: cut short/],
  [
    'inspect needy.wbx',
    6,
    'snapshot',
    /needs a module that it does not hold: SHA-256 [0-9a-f]{64}; give each with --module FILE/,
  ],
  ['resume missing.wbx', 2, 'usage', /cannot read missing\.wbx/],
  [
    'resume math.wasm',
    6,
    'snapshot',
    /math\.wasm: not a snapshot: it is a WebAssembly module, which `wasbox run` takes/,
  ],
  ['resume module.wat', 6, 'snapshot', /not a snapshot: it is WebAssembly text/],
  ['resume empty.wasm', 6, 'snapshot', /not a snapshot: the file is empty/],
  ['resume text.wasm', 6, 'snapshot', /text\.wasm: not a snapshot/],
  ['resume cut.wbx', 6, 'snapshot', /cut\.wbx: cut short/],
  ['resume needy.wbx', 6, 'snapshot', /needs a module that it does not hold: .*--module FILE/],
  ['resume needy.wbx --module missing.wasm', 2, 'usage', /cannot read missing\.wasm/],
  ['resume needy.wbx --save no/where', 2, 'usage', /cannot write no\/where/],
  ['batch missing.jsonl', 2, 'usage', /cannot read missing\.jsonl/],
  ['batch .', 2, 'usage', /cannot read \.: it is a folder/],
  ['batch no.jsonl', 2, 'usage', /no\.jsonl, line 1: no JSON/],
  ['batch one.jsonl --threads 0', 2, 'usage', /--threads must be a whole number from 1 to 1024/],
  ['batch one.jsonl --resume', 2, 'usage', /--resume goes on with the file that --output names/],
  ['batch one.jsonl --output results.jsonl', 2, 'usage', /results\.jsonl has something in it already: --resume/],
  [
    'batch one.jsonl --output results.jsonl --resume',
    2,
    'usage',
    /line 1 is not the job whose result is in results\.jsonl/,
  ],
  ['batch one.jsonl --output odd.jsonl --resume', 2, 'usage', /odd\.jsonl, line 1: not the result of a batch/],
  ['batch one.jsonl --output no/where', 2, 'usage', /cannot write no\/where/],
];

for (const command of ['run', 'inspect', 'resume', 'batch'])
  test(`what ${command} fails with`, async (t) => {
    for (const [typed, exit, code, line] of failures.filter(([text]) => firstWord(text) === command)) {
      const { code: actual, out, err } = await folder.wasbox(...typed.split(' '), '--json');
      t.is(actual, exit, `${typed}: ${err}`);
      t.regex(err, line, typed);
      t.regex(err, /^wasbox: [^\n]*\n$/, typed);
      const json = JSON.parse(out.split('\n').at(-2) as string) as { message: string };
      t.like(json, { status: 'failed', code }, typed);
      t.true(typeof json.message === 'string' && json.message !== '', typed);
    }
  });
const firstWord = (text: string): string => {
  const [word = ''] = text.split(' ');
  return ['inspect', 'resume', 'batch'].includes(word) ? word : 'run';
};

test('without --json nothing goes to the standard output', async (t) => {
  for (const typed of [
    'run missing.wasm',
    'run math.wasm --invoke div 1 0',
    'resume text.wasm',
    'batch no.jsonl',
    'launch',
  ]) {
    const { out, err } = await folder.wasbox(...typed.split(' '));
    t.is(out, '', typed);
    t.regex(err, /^wasbox: [^\n]*\n$/, typed);
  }
});

test('the arguments of a guest are no options of ours', async (t) => {
  const { code, out } = await folder.wasbox('run', 'math.wasm', '--invoke', 'add', '--', '1', '--json');
  t.is(code, 2);
  t.is(out, '');
});

test('a trap is told with the whole stack of the guest, as far as it goes', async (t) => {
  const short = await folder.wasbox('run', 'deep.wasm', '2');
  t.is(short.code, 1);
  t.regex(
    short.err,
    /^wasbox: trap: unreachable \(in deep, at byte 0x\w+\)\n( {2}called by deep, at byte 0x\w+\n){2}$/,
  );
  const deep = await folder.wasbox('run', 'deep.wasm', '1000', '--json');
  const lines = deep.err.trim().split('\n');
  const json = JSON.parse(deep.out) as { frames: unknown[]; omitted: number };
  t.is(lines.length, json.frames.length + 1);
  t.is(lines.at(-1), `  and ${json.omitted} more`);
  t.is(json.frames.length + json.omitted, 1001);
});

test('an export that is an import is called like any other', async (t) => {
  const twice = await folder.wasbox('run', 'passed.wasm', '--invoke', 'twice', '21', ...host);
  t.deepEqual(twice, { code: 0, out: '42\n', err: '' });
  const later = await folder.wasbox('run', 'passed.wasm', '--invoke', 'later', '5', ...host, '--json');
  const values = [
    { type: 'i64', value: '6' },
    { type: 'f32', value: 0.5 },
  ];
  t.like(JSON.parse(later.out), { status: 'returned', values });
});

test('a full disk and a closed pipe are no crash', async (t) => {
  for (const command of [
    'run math.wasm --invoke add 1 2',
    'inspect math.wasm',
    'run math.wasm --invoke add 1 2 --json',
  ]) {
    const full = await folder.shell(`$wasbox ${command} > /dev/full`);
    t.is(full.code, 8, command);
    t.is(full.err, 'wasbox: cannot write the output: the disk is full\n', command);
    // Its reader has gone before it begins to write.
    const closed = await folder.shell(`{ sleep 1; $wasbox ${command}; echo $? >&2; } | true`);
    t.is(closed.err, '0\n', command);
  }
});

test('a program is stopped by its time and its memory', async (t) => {
  const timeout = await folder.wasbox('run', 'loop.wasm', '--timeout', '3000', '--save', 'time.wbx', '--json');
  t.is(timeout.code, 5);
  t.regex(timeout.err, /^wasbox: suspended: out of time \(3000 ms\); saved to time\.wbx/);
  t.like(JSON.parse(timeout.out), { status: 'suspended', reason: 'timeout', saved: 'time.wbx' });
  const again = await folder.wasbox('resume', 'time.wbx', '--timeout', '3000');
  t.is(again.code, 5);
  t.regex(again.err, /out of time \(3000 ms\); nothing is saved: use --save FILE/);
  const asked = await folder.wasbox('run', 'asks.wasm', '--host', 'never.mjs', '--timeout', '3000');
  t.is(asked.code, 5);
  t.is((await folder.wasbox('run', 'grow.wasm', '--memory', '1MiB')).out, '-1\n');
  t.is((await folder.wasbox('run', 'grow.wasm', '--memory', '16m')).out, '1\n');
});

test('time runs out whatever is collected meanwhile', async (t) => {
  const collecting = '--expose-gc --import=data:text/javascript,setInterval(gc,20).unref()'.split(' ');
  const runs = [[], ['--save', 'collected.wbx']].flatMap((save) =>
    [['loop.wasm'], ['asks.wasm', '--host', 'never.mjs']].map((what) => [
      'run',
      ...what,
      '--timeout',
      '20000',
      ...save,
    ]),
  );
  await Promise.all(
    runs.map(async (command) => {
      const { code, err } = await folder.command(process.execPath, [...collecting, main, ...command]);
      t.is(code, 5, err);
      t.regex(err, /out of time \(20000 ms\)/);
    }),
  );
});

test('inspect disassembles a function of a saved program', async (t) => {
  await folder.wasbox('run', 'big.wasm', '15', '--fuel', '2000', '--save', 'func.wbx');
  const saved = await folder.wasbox('inspect', 'func.wbx', '--func', 'fib');
  t.deepEqual(saved, await folder.wasbox('inspect', 'big.wasm', '--func', 'fib'));
  const none = await folder.wasbox('inspect', 'func.wbx', '--func', 'sub');
  t.is(none.code, 2);
  t.regex(none.err, /no module of the saved program has a function "sub"/);
});
