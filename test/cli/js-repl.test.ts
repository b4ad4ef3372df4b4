// `wasbox js` as it is typed into, in a terminal and from a pipe.

import { readFile, stat } from 'node:fs/promises';
import test from 'ava';
import { ctrlC, ctrlD, inTerminal, Terminal } from './terminal.ts';
import { Folder, main } from './wasbox.ts';

let folder: Folder;
test.before(async () => {
  folder = await Folder.make();
  await Promise.all([
    folder.write(
      'tools.mjs',
      'export const tools = ({ pause }) => ({ twice: async (n) => 2 * n, approve: () => pause });',
    ),
    folder.write('ticks.js', 'let n = 0; for (;;) if (++n % 100_000 === 0) console.log("tick", n);'),
  ]);
});
test.after.always(() => folder.remove());

const enter = '\r';
const terminal = (...args: string[]): Terminal =>
  new Terminal([process.execPath, main, ...args], folder.path, { WASBOX_JS_HISTORY: '' });
/** One that keeps what was typed, and nothing else does. */
const remembering = (): Terminal =>
  new Terminal([process.execPath, main, 'js'], folder.path, { XDG_STATE_HOME: folder.file('state') });
const typed = (lines: string, ...args: string[]) => folder.shell(`$wasbox js ${args.join(' ')} <<'END'\n${lines}\nEND`);

inTerminal('js: Ctrl-C saves a program that runs, which goes on', async (t) => {
  const first = terminal('js', 'ticks.js', '--save', 'ticks.wbj');
  await first.saw(/tick/);
  first.type(ctrlC);
  t.is((await first.end()).code, 5);
  t.regex(first.shown, /wasbox: suspended: interrupted; saved to ticks\.wbj/);
  const ticks = first.shown.match(/tick (\d+)/g)?.length ?? 0;
  const second = terminal('resume', 'ticks.wbj', '--save', 'ticks.wbj');
  await second.saw(/tick/);
  second.type(ctrlC);
  t.is((await second.end()).code, 5);
  t.is(/tick (\d+)/.exec(second.shown)?.[1], String(100_000 * (ticks + 1)));
});

inTerminal('a line that runs is paused by Ctrl-C, saved, dropped, loaded and gone on with', async (t) => {
  const shown = terminal('js');
  await shown.saw(/> /);
  shown.type(`const f = (x) => {${enter}`);
  await shown.saw(/\.\.\. /);
  shown.type(`return x + 1;${enter}}${enter}f(40) + await Promise.resolve(1)${enter}`);
  await shown.saw(/\b42\b/);
  shown.type(`let n = 0; for (;;) if (++n % 100_000 === 0) console.log("at", n)${enter}`);
  await shown.saw(/at 100000/);
  shown.type(ctrlC);
  await shown.saw(/at rest> /);
  t.regex(shown.shown, /wasbox: paused\n {2}\.go goes on, \.save FILE saves it, \.drop gives it up\n/);
  shown.type(`n${enter}`);
  await shown.saw(/something rests/);
  shown.type(`.save line.wbj${enter}`);
  await shown.saw(/saved to line\.wbj/);
  shown.type(`.drop${enter}typeof n + f(1)${enter}`);
  await shown.saw(/undefined2/);
  shown.type(`.load line.wbj${enter}`);
  await shown.saw(/loaded line\.wbj/);
  shown.type(`.go${enter}`);
  await shown.saw(/loaded line\.wbj[\s\S]*at \d+00000/);
  shown.type(ctrlC);
  await shown.saw(/loaded line\.wbj[\s\S]*paused/);
  shown.type(`.exit${enter}`);
  t.is((await shown.end()).code, 0);
  t.regex(shown.shown, /what rests is lost: \.save would have kept it\n$/);
  const resumed = await folder.wasbox('resume', 'line.wbj', '--fuel', '1e5', '--json');
  t.is(resumed.code, 5, resumed.err);
});

inTerminal('Ctrl-C empties what is typed, then leaves; what was typed is there the next time', async (t) => {
  const first = remembering();
  await first.saw(/> /);
  first.type(`'told' + 1${enter}`);
  await first.saw(/told1/);
  first.type(`nothing.of.it${ctrlC}(1,${enter}`);
  await first.saw(/\.\.\. /);
  first.type(`${ctrlC}${ctrlC}`);
  await first.saw(/Ctrl-C again leaves/);
  first.type(ctrlC);
  t.is((await first.end()).code, 0);
  t.notRegex(first.shown, /not defined/);
  const history = folder.file('state/wasbox/js_history');
  t.is(await readFile(history, 'utf8'), "'told' + 1\n(1,\n");
  t.is((await stat(history)).mode & 0o777, 0o600);
  const second = remembering();
  await second.saw(/> /);
  // Up, and up again.
  second.type(`\x1b[A\x1b[A${enter}`);
  await second.saw(/told1/);
  second.type(ctrlD);
  t.is((await second.end()).code, 0);
});

test('what comes from a pipe is evaluated line by line, and values are told', async (t) => {
  const { code, out, err } = await typed(
    [
      'let a = twice(20)',
      'function g() {',
      '  return { a };',
      '}',
      'g()',
      '`x',
      'y`',
      'f(1,',
      '2',
      ')',
      'a + 1',
      'const b',
    ].join('\n'),
    '--tools tools.mjs',
  );
  t.is(out, "undefined\nundefined\n{ a: 40 }\n'x\\ny'\n41\n");
  t.is(
    err,
    [
      'wasbox: ReferenceError: f is not defined',
      '    at <anonymous> (repl 5:1:1)',
      'wasbox: SyntaxError: missing initializer for variable',
      '    at <anonymous> (repl 7:1:8)',
      '',
    ].join('\n'),
  );
  t.is(code, 1);
});

test('a line that waits for a call gets its answer, another one its error, and limits hold for each line', async (t) => {
  const { code, out, err } = await typed(
    [
      'const ok = approve(1)',
      'ok',
      '.result {"yes":true}',
      'ok.yes',
      'try { approve(2) } catch (e) { e.message }',
      '.error it was denied',
      '.result 1',
      '.save session.wbj',
      '.save no/where',
      '.load tools.mjs',
      '.nothing',
      'for (;;);',
      '.drop',
      'ok.yes',
    ].join('\n'),
    '--tools tools.mjs --fuel 3e7',
  );
  t.regex(out, /^undefined\ntrue\n'it was denied'\nsaved to session\.wbj \(.*\)\ntrue\n$/);
  for (const line of [
    /it waits for 1 call\n {2}\w+-1 {2}approve\(1\)\n {2}\.result \[ID=\]JSON answers, \.go goes on/,
    /something rests: \.go goes on/,
    /nothing rests/,
    /cannot write no\/where: no such file or folder/,
    /tools\.mjs: it is JavaScript, which `wasbox js` takes/,
    /there is no command "\.nothing"; \.help lists them/,
    /out of fuel \(30000000\)/,
  ])
    t.regex(err, line);
  t.is(code, 1);
  const resumed = await folder.wasbox('resume', 'session.wbj');
  t.is(resumed.code, 2);
  t.regex(resumed.err, /session\.wbj: nothing runs in it: it is a session, which \.load of `wasbox js` opens/);
  t.is((await typed('.load session.wbj\nok')).out.split('\n')[1], '{ yes: true }');
});

test('what nothing can bring is told, and the session goes on', async (t) => {
  await folder.write('never.mjs', 'export const tools = { never: () => new Promise(() => {}) };');
  const { code, out, err } = await typed('never()\n.drop\n1 + 1', '--tools never.mjs');
  t.is(out, '2\n');
  t.regex(err, /^wasbox: it waits, and nothing is left that it could wait for\nwasbox: paused\n/);
  t.is(code, 0);
});
