// `wasbox js`, and what `resume` and `inspect` make of its tokens: what is printed where, exit codes, failures, and programs
// that go on in another process. What runs is no more than each case needs, as each is a process with QuickJS of its own.

import { readFile } from 'node:fs/promises';
import test from 'ava';
import { Folder } from './wasbox.ts';

let folder: Folder;
const wasbox = (...args: string[]) => folder.wasbox(...args);

const order = `const order = getOrder(7);
console.log('asks for', order.total);
const yes = approve(order.total, { order });
const sums = await Promise.all([add.async(1, 2), add.async(3, 4)]);
yes ? { total: order.total, sums } : 'denied'`;

const files = {
  'order.js': order,
  'tools.mjs': `import { writeSync } from 'node:fs';
    export const tools = ({ pause, asyncTool }) => ({
      getOrder: async (id) => (writeSync(2, 'asked\\n'), { id, total: 120 }),
      approve: () => pause, add: async (a, b) => a + b, both: asyncTool(async () => 1),
    });`,
  'nothing.mjs': 'export const other = 1;',
  'throws.mjs': 'throw new Error("no tools today");',
  'cannot.mjs': 'export const tools = () => { throw new Error("not now"); };',
  'odd.mjs': 'export const tools = { odd: 5 };',
  'waits.mjs': 'await new Promise(() => {}); export const tools = {};',
  'never.mjs': `export const tools = { never: () => new Promise(() => console.log('ready')) };`,
  'never.js': 'never() + 1',
  'fails.js': `function f(x) {\n  return x.y.z;\n}\nf({});`,
  'syntax.js': 'let a = ;\n',
  'cause.js': `throw new Error('first\\nwasbox: forged\\u001b[2J', { cause: new RangeError('inner') });`,
  'odd-throw.js': 'throw { a: 1 }',
  'loop.js': 'for (;;);',
  'much.js': 'for (;;) console.log("much");',
  'latin.js': Uint8Array.of(0x27, 0xe9, 0x27),
  'iife.js': '(function () { return 1; })()',
  'empty.js': '',
  'ask.js': 'ask({ a: [1] }) + 1',
  'main.mjs': `import { one } from './lib/one.mjs';\nexport default one + 1;`,
  'one.mjs': 'export const one = 1;',
  'no.key': '# nothing\n',
  'bad.key': 'k1 0123\n',
  'k1.key': `k1 ${'0a'.repeat(32)}\n`,
  'k2.key': `k2 ${'0B'.repeat(32)}\nk1 ${'0a'.repeat(32)}\n`,
  'other.key': `k1 ${'0c'.repeat(32)}\n`,
  'list.json': '[1]',
};

test.before(async () => {
  folder = await Folder.make();
  await Promise.all(Object.entries(files).map(([name, contents]) => folder.write(name, contents)));
  for (const [file, save, ...rest] of [
    ['order.js', 'order.wbj', '--tools', 'tools.mjs', '--key', 'k1.key'],
    ['ask.js', 'plain.wbj', '--tool', 'ask'],
  ] as const) {
    const { code, err } = await wasbox('js', file, '--save', save, ...rest);
    if (code !== 5) throw new Error(err);
  }
  await folder.write('cut.wbj', (await readFile(folder.file('plain.wbj'))).subarray(0, 200));
});
test.after.always(() => folder.remove());

/** What is typed, the exit code, the code in JSON, and the first line. */
const failures: readonly [string, number, string, RegExp][] = [
  ['js missing.js', 2, 'usage', /cannot read missing\.js: no such file or folder/],
  ['js .', 2, 'usage', /cannot read \.: it is a folder/],
  ['js math.wasm', 2, 'usage', /math\.wasm: it is a WebAssembly module, which `wasbox run` takes/],
  ['js order.wbj', 2, 'usage', /it is a sealed JavaScript program at rest, which `wasbox resume` takes with its key/],
  ['js latin.js', 2, 'usage', /latin\.js: it is no text in UTF-8/],
  ['js loop.js --type sloppy', 2, 'usage', /--type must be one of script, module/],
  ['js loop.js --input {', 2, 'usage', /--input must be JSON: /],
  ['js loop.js --fuel x', 2, 'usage', /--fuel must be a whole number of at least 0, "x" is not/],
  ['js loop.js --timeout 0', 2, 'usage', /--timeout must be a whole number from 1/],
  ['js loop.js --memory 64K', 2, 'usage', /--memory of a JavaScript program must be from 1M to 4G, "64K" is not/],
  ['js loop.js --limit files=1', 2, 'usage', /--limit must be NAME=VALUE, with one of calls, output, stack, value/],
  ['js loop.js --limit calls=x', 2, 'usage', /--limit calls must be a whole number/],
  ['js loop.js --limit stack=1', 2, 'usage', /--limit\.stack must be an integer from 16384 to 524288, not 1/],
  ['js loop.js --seed x', 2, 'usage', /--seed must be a whole number, "x" is not/],
  ['js loop.js --clock then', 2, 'usage', /--clock must be a time since 1970 such as .*, "then" is not/],
  ['js loop.js --save no/where', 2, 'usage', /cannot write no\/where: no such file or folder/],
  ['js loop.js --memory 1M --save .', 2, 'usage', /cannot write \.: it is a folder/],
  ['js loop.js --import one=missing.mjs', 2, 'usage', /cannot read missing\.mjs/],
  ['js loop.js --tools missing.mjs', 2, 'usage', /cannot read missing\.mjs/],
  ['js loop.js --tools throws.mjs', 2, 'usage', /cannot load throws\.mjs: no tools today/],
  ['js loop.js --tools waits.mjs', 2, 'usage', /cannot load waits\.mjs: it waits, and nothing is left/],
  ['js loop.js --tools cannot.mjs', 2, 'usage', /cannot\.mjs: its tools cannot be made: not now/],
  ['js loop.js --tools nothing.mjs', 2, 'usage', /nothing\.mjs exports no `tools`: \{ name: /],
  ['js loop.js --tools odd.mjs', 2, 'usage', /tools\.odd must be a function, or what asyncTool makes, not 5/],
  ['js loop.js --key missing.key', 2, 'usage', /cannot read missing\.key/],
  ['js loop.js --key no.key', 2, 'usage', /no\.key: there is no key in it; a key is a line with its name/],
  [
    'js loop.js --key bad.key',
    2,
    'usage',
    /bad\.key: line 1 is no key: a key is a line with its name, a space, and 64/,
  ],
  ['js --save a.wbj', 2, 'usage', /--save is of no use to what is typed in/],
  ['js loop.js --engine mixed', 2, 'usage', /engine must be one of auto, .*"mixed"/],
  [
    'js fails.js',
    1,
    'exception',
    /^wasbox: TypeError: cannot read property 'z' of undefined\n {4}at f \(fails\.js:2:\d+\)\n/,
  ],
  [
    'js syntax.js',
    1,
    'exception',
    /^wasbox: SyntaxError: unexpected token .*\n {4}at <anonymous> \(syntax\.js:1:9\)\n$/,
  ],
  [
    'js cause.js',
    1,
    'exception',
    /^wasbox: Error: first\n {2}wasbox: forged\\u\{1b\}\[2J\n {4}at .*\n {2}because of RangeError: inner\n$/,
  ],
  ['js odd-throw.js', 1, 'exception', /^wasbox: the program threw an object\n$/],
  ['js never.js --tools never.mjs', 1, 'host', /the program waits, and nothing is left that it could wait for/],
  ['js much.js --limit output=1K', 7, 'limit', /limit: the program is over its limit output of 1024/],
  ['run loop.js', 3, 'malformed', /loop\.js: not a module: it is JavaScript, which `wasbox js` takes/],
  ['run iife.js', 3, 'malformed', /iife\.js: not a module: it is JavaScript, which `wasbox js` takes/],
  ['run order.wbj', 3, 'malformed', /not a module: it is a sealed JavaScript program at rest, which `wasbox resume`/],
  ['resume loop.js', 6, 'snapshot', /loop\.js: not a snapshot: it is JavaScript, which `wasbox js` takes/],
  ['resume order.wbj', 2, 'usage', /order\.wbj: it is sealed; give its key with --key FILE/],
  ['resume order.wbj --key other.key', 6, 'snapshot', /order\.wbj: not as it was sealed, or for another context/],
  ['resume order.wbj --key k1.key --host tools.mjs', 2, 'usage', /--host is of no use to a JavaScript program/],
  ['resume order.wbj --key k1.key --result x-9=1', 2, 'usage', /no call "x-9" waits; these wait: \w+-2/],
  ['resume order.wbj --key k1.key --result {', 2, 'usage', /the result of \w+-2 must be JSON: /],
  ['resume order.wbj --key k1.key --result 1 --error no', 2, 'usage', /the call "\w+-2" has two answers/],
  ['resume order.wbj --key k1.key --results list.json', 2, 'usage', /list\.json: results are an object with an id/],
  ['resume cut.wbj', 6, 'snapshot', /cut\.wbj: /],
  ['resume plain.wbj --key k1.key', 2, 'usage', /plain\.wbj: it is not sealed; without --key it is taken as it is/],
  ['inspect order.wbj', 2, 'usage', /order\.wbj: it is sealed; give its key with --key FILE/],
  ['inspect order.wbj --key k1.key --func f', 2, 'usage', /--func is of no use to a JavaScript program/],
  ['inspect math.wasm --key k1.key', 2, 'usage', /--key is of no use to what is no JavaScript program/],
  ['inspect loop.js', 2, 'usage', /loop\.js: it is JavaScript, which `wasbox js` takes/],
  ['inspect cut.wbj', 6, 'snapshot', /cut\.wbj: /],
];

for (const command of ['js', 'run', 'resume', 'inspect'])
  test(`what ${command} fails with`, async (t) => {
    for (const [typed, exit, code, line] of failures.filter(([text]) => text.split(' ')[0] === command)) {
      const {
        code: actual,
        out,
        err,
      } = await wasbox(...typed.split(' '), ...(typed === 'js --save a.wbj' ? [] : ['--json']));
      t.is(actual, exit, `${typed}: ${err}`);
      t.regex(err, line, typed);
      // What a program threw has its stack; all else is one line, and nothing is a stack of ours.
      t.regex(err, code === 'exception' ? /^wasbox: / : /^(much\n|asked\n)*wasbox: [^\n]*\n$/, typed);
      t.notRegex(err, /dist\/src|node:internal/, typed);
      if (out === '') continue;
      const json = JSON.parse(out.split('\n').at(-2) as string) as { message: string };
      t.like(json, { status: 'failed', code }, typed);
      t.true(typeof json.message === 'string' && json.message !== '', typed);
    }
  });

test('what a program gives and prints goes where it belongs', async (t) => {
  const { code, out, err } = await folder.shell(
    `echo 'console.log("to", { a: 1 }); console.error("%s", "err"); input.map((x) => x * 2)' | $wasbox js - --input '[1, 2]'`,
  );
  t.deepEqual({ code, out, err }, { code: 0, out: 'to { a: 1 }\n[ 2, 4 ]\n', err: 'err\n' });
  const json = await folder.shell(`echo 'console.log(1); new Map([["a", 1n]])' | $wasbox js - --json`);
  t.is(json.err, '1\n');
  t.like(JSON.parse(json.out), { status: 'returned', value: [['a', '1']] });
  t.deepEqual(await wasbox('js', 'empty.js'), { code: 0, out: '', err: '' });
});

test('modules are told by what they are, and import what is given', async (t) => {
  const missing = await wasbox('js', 'main.mjs');
  t.is(missing.code, 1);
  t.regex(missing.err, /there is no module "lib\/one\.mjs"/);
  t.is((await wasbox('js', './main.mjs', '--import', 'lib/one.mjs=one.mjs')).out, '2\n');
});

test('a program waits for a call, and goes on in another process: no call is made twice', async (t) => {
  const told = await wasbox('inspect', 'order.wbj', '--key', 'k2.key');
  t.regex(
    told.out,
    /^JavaScript program at rest order\.wbj: .*, sealed\nstate: it waits for 1 call\n {2}\w+-2 {2}approve\(120, /,
  );
  const info = JSON.parse((await wasbox('inspect', 'order.wbj', '--key', 'k1.key', '--json')).out);
  t.like(info, { kind: 'JavaScript program', sealed: true, status: 'waiting', called: 2, until: null });
  const [call] = info.calls;
  t.deepEqual(call.args, [120, { order: { id: 7, total: 120 } }]);
  const resume = ['resume', 'order.wbj', '--key', 'k2.key', '--tools', 'tools.mjs'];
  const done = await wasbox(...resume, '--result', `${call.id}=true`);
  t.deepEqual(done, { code: 0, out: '{ total: 120, sums: [ 3, 7 ] }\n', err: '' });
  await folder.write('answers.json', JSON.stringify({ [call.id]: false }));
  t.is((await wasbox(...resume, '--results', 'answers.json')).out, 'denied\n');
  const failed = await wasbox(...resume, '--error', 'not today');
  t.is(failed.code, 1);
  t.regex(failed.err, /^wasbox: Error: not today\n {4}at <anonymous> \(order\.js:3:\d+\)\n$/);
});

test('what has no answer waits on, and is saved again and sealed', async (t) => {
  const again = await wasbox('resume', 'plain.wbj');
  t.is(again.code, 5);
  t.regex(
    again.err,
    /^wasbox: suspended: it waits for 1 call; plain\.wbj is as it was: use --save FILE\n {2}(\w+-1) {2}ask\(\{ a: \[ 1 \] \}\)\n$/,
  );
  const saved = await wasbox('resume', 'plain.wbj', '--save', 'again.wbj', '--json');
  t.is(saved.code, 5);
  const json = JSON.parse(saved.out);
  t.like(json, { status: 'suspended', reason: 'call', saved: 'again.wbj' });
  t.like(json.calls[0], { tool: 'ask', args: [{ a: [1] }] });
  t.is((await wasbox('resume', 'again.wbj', '--result', '41')).out, '42\n');
});

test('a program goes on over limits, and uses the same fuel as in one go', async (t) => {
  await folder.write('sum.js', 'let sum = 0; for (let i = 0; i < 20000; i++) sum += i % 7; sum');
  const whole = await wasbox('js', 'sum.js', '--json');
  const first = await wasbox('js', 'sum.js', '--fuel', '5e6', '--save', 'sum.wbj', '--json', '--engine', 'interpreter');
  t.is(first.code, 5, first.err);
  t.like(JSON.parse(first.out), { status: 'suspended', reason: 'fuel', saved: 'sum.wbj' });
  const second = await wasbox('resume', 'sum.wbj', '--fuel', '5e6', '--save', 'sum.wbj', '--engine', 'native');
  t.is(second.code, 5, second.err);
  t.regex(second.err, /^wasbox: suspended: out of fuel \(5e6\); saved to sum\.wbj \(.*\)\n$/);
  const last = await wasbox('resume', 'sum.wbj', '--json');
  t.deepEqual(JSON.parse(last.out), JSON.parse(whole.out));
  const calls = await wasbox('js', 'order.js', '--tools', 'tools.mjs', '--limit', 'calls=1', '--save', 'calls.wbj');
  t.is(calls.code, 5, calls.err);
  t.regex(calls.err, /suspended: the program is over its limit calls of 1; saved to calls\.wbj/);
  t.regex((await wasbox('resume', 'calls.wbj', '--tools', 'tools.mjs')).err, /it waits for 1 call/);
});

test('a program that sleeps for long is saved, and one with a seed and a clock of its own is always the same', async (t) => {
  await folder.write('sleep.js', 'setTimeout(() => {}, 9e8); await new Promise((done) => setTimeout(done, 8e8)); 1');
  const asleep = await wasbox('js', 'sleep.js', '--save', 'sleep.wbj', '--json');
  t.is(asleep.code, 5, asleep.err);
  t.like(JSON.parse(asleep.out), { status: 'suspended', reason: 'sleep' });
  t.regex((await wasbox('inspect', 'sleep.wbj')).out, /^state: it sleeps until \d{4}-/m);
  await folder.write('same.js', 'await new Promise((done) => setTimeout(done, 8e8)); [Math.random(), Date.now()]');
  const same = ['js', 'same.js', '--seed', '5', '--clock', '2030-01-01T00:00:00Z'];
  const { out } = await wasbox(...same);
  t.regex(out, /^\[ 0\.\d+, 1894\d+ \]\n$/);
  t.is((await wasbox(...same)).out, out);
});

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  test(`${signal} saves a program, also one that waits for a tool, which is then asked again`, async (t) => {
    const file = `${signal}.wbj`;
    const child = folder.start('js', 'never.js', '--tools', 'never.mjs', '--save', file);
    await child.saw(/ready/);
    child.kill(signal);
    t.deepEqual(await child.end(), { code: 5, signal: null });
    t.regex(child.err, /^wasbox: suspended: interrupted; saved to /);
    t.is((await wasbox('resume', file, '--result', '41')).out, '42\n');
  });

test('a full disk leaves the last good token whole, and nothing else', async (t) => {
  const good = await readFile(folder.file('plain.wbj'));
  const { code, err } = await folder.shell('ulimit -f 1; $wasbox resume plain.wbj --save plain.wbj');
  t.is(code, 8, err);
  t.is(err, 'wasbox: cannot save to plain.wbj: it would be larger than files may be; the file is as it was\n');
  t.deepEqual(await readFile(folder.file('plain.wbj')), good);
  t.deepEqual(await folder.leftovers('plain.wbj'), []);
  const device = await wasbox('resume', 'plain.wbj', '--save', '/dev/full');
  t.deepEqual([device.code, device.err], [8, 'wasbox: cannot save to /dev/full: the disk is full\n']);
});
