// How values of JavaScript programs are written out, within bounds; and what the REPL makes of code without an end.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { Console } from '../../src/cli/javascript/console.ts';
import { History, historyFile, mostHistory } from '../../src/cli/javascript/history.ts';
import { isIncomplete } from '../../src/cli/javascript/incomplete.ts';
import { callLines } from '../../src/cli/javascript/told.ts';
import { harmless, jsonOf, printed, resultLines, shown } from '../../src/cli/javascript/values.ts';
import { toJson } from '../../src/cli/told/print.ts';
import { LimitError } from '../../src/index.ts';
import { js } from '../javascript/programs.ts';

/** Named over and over: a few words in memory, 18 to that power when it is written out. */
const dense = (depth: number): unknown => (depth === 0 ? 1 : Array(18).fill(dense(depth - 1)));
const holes: unknown[] = [];
holes[2 ** 32 - 2] = 1;

test('results are written out whole, and as JSON', (t) => {
  const value: Record<string, unknown> = { text: 'a', list: [undefined, Number.NaN, -0], big: 5n, boxed: Object(1n) };
  Object.assign(value, {
    map: new Map([['k', new Set([1])]]),
    date: new Date(0),
    none: new Date(Number.NaN),
    re: /x/g,
  });
  Object.assign(value, { error: new TypeError('no', { cause: 'why' }), bytes: new Uint16Array([1, 2]), self: value });
  t.deepEqual(JSON.parse(toJson(jsonOf(value))), {
    ...{ text: 'a', list: [null, 'nan', '-0'], big: '5', boxed: '1', map: [['k', [1]]] },
    ...{
      date: '1970-01-01T00:00:00.000Z',
      none: null,
      re: '/x/g',
      error: { name: 'TypeError', message: 'no', cause: 'why' },
    },
    ...{ bytes: { base64: 'AQACAA==' }, self: '[circular]' },
  });
  const own = JSON.parse('{"__proto__": 1, "toJSON": 2}');
  t.is(toJson(jsonOf(own)), '{"__proto__":1,"toJSON":2}');
  t.deepEqual([resultLines(undefined), resultLines('a\nb')], [[], ['a\nb']]);
  t.is(
    resultLines([[[[['deep']]]]])
      .join('')
      .replace(/\s+/g, ''),
    "[[[[['deep']]]]]",
  );
});

test('what would be too long to write out is refused, or shown as its outside', (t) => {
  for (const value of [dense(30), holes, { a: dense(6) }, new Uint8Array(2 ** 26)]) {
    t.throws(() => jsonOf(value), { instanceOf: LimitError });
    t.throws(() => resultLines(value), { instanceOf: LimitError });
  }
  for (const text of [shown(dense(30)), printed([dense(30)]), printed(['%j %o', dense(30), dense(30)]), shown(holes)])
    t.true(text.length < 1_000_000, String(text.length));
  const wide = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`key${i}`, 1]));
  t.true(shown(Object.fromEntries(Object.keys(wide).map((key) => [key, wide]))).length < 100_000);
});

test('the console writes as Node does, whatever it is given', (t) => {
  t.is(printed(['%s has %d, %i%%', 'a', 4.5, 7.5, { x: 1 }]), 'a has 4.5, 7% { x: 1 }');
  t.is(printed(['a', { b: [1] }]), 'a { b: [ 1 ] }');
  t.is(printed(['%s', { toString: 1, valueOf: 1 }]), '{ toString: 1, valueOf: 1 }');
  t.is(printed([]), '');
});

test('the console falls silent at its limit, and stops the program once', (t) => {
  let stops = 0;
  const console = new Console(true, () => stops++, 10);
  for (let i = 0; i < 3; i++) console.print({ level: 'log', values: ['longer than that'] });
  t.is(stops, 1);
  t.true(console.flooded instanceof LimitError);
});

test('calls are told in lines of their own, and not more than anybody reads', (t) => {
  const call = { id: 'r-1', tool: 'ask\nwasbox: forged', args: Array.from({ length: 25 }, () => 'a\x1b[2J') };
  const lines = callLines(Array.from({ length: 101 }, () => call));
  t.is(lines.length, 101);
  t.is(lines.at(-1), '  and 1 more');
  t.regex(lines[0] ?? '', /^ {2}r-1 {2}ask\\u\{a\}wasbox: forged\('a\\x1B\[2J', .*, and 5 more\)$/);
  t.true((callLines([{ id: 'r-2', tool: 'ask', args: [dense(30)] }])[0] ?? '').length <= 2002);
  t.is(callLines([{ id: 'r-3', tool: 'ask', args: [Array(30_000).fill(1)] }])[0], '  r-3  ask(…)');
});

test('nothing of a program steers a terminal', (t) => {
  t.is(harmless('a\x1b[2J\r\n\tb\u202e', true), 'a\\u{1b}[2J\\u{d}\n\tb\\u{202e}');
  t.is(harmless('a\x1b[2J', false), 'a\x1b[2J');
});

test('code that has no end yet is told from code that is wrong', async (t) => {
  const whole = [
    'a b',
    'let a = ;',
    '}',
    '"abc',
    "'abc",
    '/abc',
    'const a',
    'x = > 3',
    'JSON.parse("{")',
    'f(]',
    '1;\n}',
  ];
  const begun = [
    'f(1,',
    '`abc',
    '`a${',
    `\`é😀\${1}b`,
    '{ let x',
    'if (1) {',
    '/* x',
    'x => {\n  f(\n',
    '"é😀", [1',
    'a ? b',
    'do {}',
  ];
  const session = js.session({ engine: 'interpreter' });
  for (const [codes, expected] of [
    [whole, false],
    [begun, true],
  ] as const)
    for (const code of codes) {
      const outcome = await session.run(code, { file: 'repl 1', type: 'shown' });
      t.is(outcome.status, 'failed', code);
      if (outcome.status === 'failed') t.is(isIncomplete(outcome.error, code, 'repl 1'), expected, code);
    }
  session.close();
});

test('the history is where the user wants it, and does not grow for ever', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'wasbox-history-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  t.is(historyFile({ XDG_STATE_HOME: folder }), join(folder, 'wasbox', 'js_history'));
  t.is(historyFile({ WASBOX_JS_HISTORY: '/a/b' }), '/a/b');
  t.is(historyFile({ WASBOX_JS_HISTORY: '' }), undefined);
  t.regex(historyFile({ XDG_STATE_HOME: 'relative' }) ?? '', /\.local.state.wasbox.js_history$/);
  const file = join(folder, 'deep', 'history');
  const history = new History(file);
  for (const line of ['one', 'one', ' ', 'two']) history.add(line);
  t.is(await readFile(file, 'utf8'), 'one\ntwo\n');
  t.deepEqual(new History(file).lines, ['two', 'one']);
  await writeFile(file, Array.from({ length: 3 * mostHistory }, (_, i) => `${i}\n`).join(''));
  t.is(new History(file).lines.length, mostHistory);
  t.is((await readFile(file, 'utf8')).split('\n').length, mostHistory + 1);
  t.notThrows(() => new History(folder).add('nowhere to go'));
});
