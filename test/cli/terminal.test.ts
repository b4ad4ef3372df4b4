// The commands as people use them: in a terminal, with what is typed and what is shown. The terminal is made by Python,
// which has one in its own library; where there is no Python this says so loudly and tests nothing.

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { program } from '../wasi/run.ts';
import { ctrlC, ctrlD, inTerminal, Terminal } from './terminal.ts';
import { Folder, main } from './wasbox.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

let folder: Folder;
test.before(async () => {
  folder = await Folder.make();
});
test.after.always(() => folder.remove());

const terminal = (...args: string[]): Terminal => new Terminal([process.execPath, main, ...args], folder.path);
const inShell = (script: string): Terminal =>
  new Terminal(['/bin/sh', '-c', script.replaceAll('$wasbox', `${process.execPath} ${main}`)], folder.path);

inTerminal('run: Ctrl-C saves, and the program goes on', async (t) => {
  const shown = terminal('run', 'ready.wasm', '--host', 'ready.mjs', '--save', 'typed.wbx');
  await shown.saw(/ready/);
  shown.type(ctrlC);
  t.is((await shown.end()).code, 5);
  t.regex(shown.shown, /wasbox: suspended: interrupted; saved to typed\.wbx/);
  const again = terminal('resume', 'typed.wbx', '--host', 'ready.mjs', '--fuel', '1e6', '--save', 'typed.wbx');
  t.is((await again.end()).code, 5);
  t.regex(again.shown, /out of fuel \(1e6\); saved to typed\.wbx/);
});

inTerminal('run and resume: Ctrl-C saves also while a host function is awaited', async (t) => {
  const first = terminal('run', 'asks.wasm', '--host', 'ask.mjs', '--save', 'asked.wbx');
  await first.saw(/ready/);
  first.type(ctrlC);
  t.is((await first.end()).code, 5);
  const good = await readFile(folder.file('asked.wbx'));
  const second = terminal('resume', 'asked.wbx', '--host', 'ask.mjs', '--save', 'asked.wbx');
  await second.saw(/ready/);
  second.type(ctrlC);
  t.is((await second.end()).code, 5);
  t.deepEqual(await readFile(folder.file('asked.wbx')), good);
  t.is((await folder.wasbox('resume', 'asked.wbx', '--host', 'ask.mjs')).out, 'ready\n42\n');
});

inTerminal('run: without --save Ctrl-C ends it', async (t) => {
  const shown = terminal('run', 'ready.wasm', '--host', 'ready.mjs');
  await shown.saw(/ready/);
  shown.type(ctrlC);
  // Python tells a signal as a negative number.
  t.is((await shown.end()).code, 256 - 2);
});

inTerminal('resume: a full disk is told in a line, and the last good file is whole', async (t) => {
  await folder.wasbox('run', 'big.wasm', '20', '--fuel', '1e5', '--save', 'good.wbx');
  const good = await readFile(folder.file('good.wbx'));
  const shown = inShell('ulimit -f 1; $wasbox resume good.wbx --fuel 1e5 --save good.wbx');
  t.is((await shown.end()).code, 8);
  t.is(shown.shown, 'wasbox: cannot save to good.wbx: it would be larger than files may be; the file is as it was\n');
  t.deepEqual(await readFile(folder.file('good.wbx')), good);
  t.deepEqual(await folder.leftovers('good.wbx'), []);
});

const add = (a: number) => ({ name: `job ${a}`, module: 'math.wasm', export: 'add', args: [a, 1] });

inTerminal('batch: a bar with the jobs above it, and nothing of it is left in the end', async (t) => {
  await folder.lines('jobs.jsonl', [add(1), add(2), { module: 'math.wasm', export: 'div', args: [1, 0] }, add(3)]);
  const shown = terminal('batch', 'jobs.jsonl', '--threads', '1');
  t.is((await shown.end()).code, 1);
  t.regex(shown.shown, /[█░]+ 0\/4 jobs, 0 failed/);
  for (const line of [/job 1: 2 \(\d+ ms\)\n/, /failed: trap: integer divide by zero .*\n/, /job 3: 4 \(\d+ ms\)\n/])
    t.regex(shown.shown, line);
  t.regex(shown.shown, /3 jobs done, 1 failed, [\d.]+ s\n$/);
  // The cursor was hidden, and is there again.
  t.true(shown.out.lastIndexOf('\x1b[?25h') > shown.out.lastIndexOf('\x1b[?25l'));
});

inTerminal('batch: the bar moves while the results go to a file', async (t) => {
  await folder.lines('slow.jsonl', [
    add(1),
    ...Array.from({ length: 3 }, () => ({ module: 'loop.wasm', deadline: 500 })),
  ]);
  const shown = terminal('batch', 'slow.jsonl', '--threads', '1', '--output', 'slow.out');
  t.is((await shown.end()).code, 1);
  const steps = [...shown.shown.matchAll(/(\d)\/4 jobs, (\d) failed/g)].map(([, done, failed]) => `${done} ${failed}`);
  for (const step of ['1 0', '2 1', '3 2']) t.true(steps.includes(step), steps.join(', '));
  t.is((await readFile(folder.file('slow.out'), 'utf8')).trim().split('\n').length, 4);
});

for (const [how, stop] of [
  ['Ctrl-C', (shown: Terminal) => shown.type(ctrlC)],
  ['SIGTERM', (_: Terminal, pid: number) => process.kill(pid, 'SIGTERM')],
] as const)
  inTerminal(`batch: ${how} says how far it is, and the terminal is as it was`, async (t) => {
    const [jobs, output] = [`${how}.jsonl`, `${how}.out`];
    await folder.lines(jobs, [add(1), { module: 'loop.wasm' }, add(2)]);
    const shown = inShell(`echo pid $$; exec $wasbox batch ${jobs} --threads 1 --output ${output}`);
    await shown.saw(/1\/3 jobs/);
    stop(shown, Number(/pid (\d+)/.exec(shown.out)?.[1]));
    t.is((await shown.end()).code, 5);
    t.regex(
      shown.shown,
      new RegExp(`wasbox: interrupted: 1 of 3 jobs are done; --output ${output} --resume goes on\\n$`),
    );
    t.true(shown.out.lastIndexOf('\x1b[?25h') > shown.out.lastIndexOf('\x1b[?25l'));
    t.is((await readFile(folder.file(output), 'utf8')).split('\n').length, 2);
    const resumed = terminal('batch', jobs, '--threads', '1', '--output', output, '--resume');
    await resumed.saw(/1\/3 jobs/);
    resumed.type(ctrlC);
    t.is((await resumed.end()).code, 5);
  });

inTerminal('batch: a closed pipe ends it, and the terminal is as it was', async (t) => {
  await folder.lines(
    'many.jsonl',
    Array.from({ length: 5000 }, (_, i) => add(i)),
  );
  const shown = inShell('{ $wasbox batch many.jsonl --threads 1; echo "exit $?" >&2; } | head -n 1');
  t.is((await shown.end()).code, 0);
  t.regex(shown.shown, /wasbox: nobody reads the output any more: \d+ of 5000 jobs are done\nexit 8\n$/);
  t.true(shown.out.lastIndexOf('\x1b[?25h') > shown.out.lastIndexOf('\x1b[?25l'));
});

inTerminal('the bar of the demo moves long before the first job is done, and Ctrl-C ends it', async (t) => {
  const shown = new Terminal([process.execPath, '--import=./test/tsx.mjs', 'bench/demo/main.ts'], root);
  const seen = () => [...shown.shown.matchAll(/(\d+)%, 0\/\d+ jobs/g)].map(([, part]) => Number(part));
  await shown.saw(/[1-9]%, 0\/\d+ jobs[\s\S]*[2-9]%, /);
  shown.type(ctrlC);
  t.is((await shown.end()).code, 130);
  const steps = seen();
  t.true(
    steps.some((part) => part > 0),
    shown.shown,
  );
  t.deepEqual(
    steps,
    [...steps].sort((a, b) => a - b),
  );
  t.true(shown.out.lastIndexOf('\x1b[?25h') > shown.out.lastIndexOf('\x1b[?25l'));
});

inTerminal(
  'run: a program for WASI talks to the terminal, is left with Ctrl-C in the midst of that, and goes on',
  async (t) => {
    await folder.write('repl.wasm', program('repl').bytes);
    const first = terminal('run', 'repl.wasm', '--save', 'repl.wbx');
    await first.saw(/0 \+ $/);
    first.type('40\n');
    await first.saw(/40 \+ $/);
    first.type(ctrlC);
    t.is((await first.end()).code, 5);
    const second = terminal('resume', 'repl.wbx');
    second.type('2\n');
    await second.saw(/42 \+ $/);
    second.type(ctrlD);
    t.is((await second.end()).code, 0);
    t.regex(second.shown, /\nsum: 42\n$/);
    t.is((await folder.shell('echo 5 | $wasbox run repl.wasm')).out, '\nsum: 5\n');
  },
);
