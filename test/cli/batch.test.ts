// `batch`: many jobs, few at a time, told one by one; and gone on with after whatever ended it.

import { readFile, writeFile } from 'node:fs/promises';
import test from 'ava';
import { Folder } from './wasbox.ts';

let folder: Folder;
test.before(async () => {
  folder = await Folder.make();
});
test.after.always(() => folder.remove());

interface Result {
  readonly index: number;
  readonly line: number;
  readonly job?: string;
  readonly name?: string;
  readonly status: string;
  readonly code?: string;
  readonly message?: string;
  readonly values?: readonly { type: string; value: number | string }[];
  readonly output?: unknown;
}
const resultsIn = (text: string): Result[] =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Result);

const add = (a: number | string, b: number | string) => ({ module: 'math.wasm', export: 'add', args: [a, b] });
/** `[index, sum]` of results of additions. */
const sums = (results: readonly Result[]) => results.map(({ index, values }) => [index, values?.[0]?.value]);
const byIndex = (results: readonly Result[]) => [...results].sort((a, b) => a.index - b.index);
const wholeNumbers = (count: number) => Array.from({ length: count }, (_, i) => i);

test('it runs the jobs of a file, and tells which of them failed', async (t) => {
  await folder.write(
    'add.mjs',
    `export const start = (_guest, numbers) => ({ call: 'add', args: numbers, next: 'end' });
     export const end = (_guest, _state, [sum]) => ({ done: { sum, bytes: new Uint8Array([1, 2]), odd: [NaN, -0, 1n] } });`,
  );
  const jobs = [
    { name: 'sum', ...add(2, '3') },
    { name: 'trap', module: 'math.wasm', export: 'div', args: [1, 0] },
    { name: 'steps', module: 'math.wasm', program: 'add.mjs', input: [20, 30] },
    { name: 'endless', module: 'loop.wasm', fuel: '1e5' },
    { name: 'small', module: 'math.wasm', export: 'add', args: [1, 1], memory: '1K' },
  ];
  await folder.lines('jobs.jsonl', jobs);
  const { code, out, err } = await folder.wasbox('batch', 'jobs.jsonl', '--threads', '1', '--json');
  t.is(code, 1);
  t.is(err.replace(/[\d.]+ s/, 'x s'), '2 jobs done, 3 failed, x s\n');
  const results = resultsIn(out);
  t.deepEqual(
    results.map(({ index, line, name }) => [index, line, name]),
    jobs.map(({ name }, i) => [i, i + 1, name]),
  );
  const [sum, trap, steps, endless, small] = results;
  t.like(sum, { status: 'returned', values: [{ type: 'i32', value: 5 }] });
  t.like(trap, { status: 'failed', code: 'trap', message: 'integer divide by zero', omitted: 0 });
  t.like(steps, { status: 'returned', output: { sum: 50, bytes: { base64: 'AQI=' }, odd: ['nan', '-0', '1'] } });
  t.like(endless, { status: 'failed', code: 'limit' });
  t.like(small, { status: 'failed', code: 'limit' });
});

test('values are printed as run prints them', async (t) => {
  const args = ['9223372036854775807', 'nan', '-0'];
  await folder.lines('all.jsonl', [{ name: 'all', module: 'math.wasm', export: 'all', args }]);
  const [batch, run] = await Promise.all([
    folder.wasbox('batch', 'all.jsonl', '--json'),
    folder.wasbox('run', 'math.wasm', '--invoke', 'all', '--json', '--', ...args),
  ]);
  const { status, values } = JSON.parse(run.out) as Result;
  t.like(JSON.parse(batch.out), { status, values });
  const [batchText, runText] = await Promise.all([
    folder.wasbox('batch', 'all.jsonl'),
    folder.wasbox('run', 'math.wasm', '--invoke', 'all', '--', ...args),
  ]);
  t.is(batchText.out.replace(/ \(\d+ ms\)/, ''), `all: ${runText.out.trim().replaceAll('\n', ' ')}\n`);
});

test('the standard input is read as it comes, its paths from the current folder', async (t) => {
  const lines = [add(1, 2), '', add(3, 4)].map((job) => (typeof job === 'string' ? job : JSON.stringify(job)));
  await folder.write('input', lines.join('\n'));
  for (const command of ['$wasbox batch - --json < input', 'cat input | $wasbox batch - --json']) {
    const { code, out, err } = await folder.shell(command);
    t.is(code, 0, err);
    const results = byIndex(resultsIn(out));
    t.deepEqual(sums(results), [
      [0, 3],
      [1, 7],
    ]);
    t.deepEqual(
      results.map(({ line }) => line),
      [1, 3],
    );
  }
});

test('a mistake in a jobs file is told with its line, before anything runs', async (t) => {
  const cases: [object | string, number, RegExp][] = [
    ['{', 2, /bad\.jsonl, line 2: no JSON/],
    ['[]', 2, /line 2: a job is a JSON object/],
    [{ module: 'math.wasm', exports: 'add' }, 2, /line 2: there is no key "exports"; keys are name, module,/],
    [{ module: 'nowhere.wasm' }, 2, /line 2: there is no module nowhere\.wasm/],
    [{ module: 'math.wasm', export: 'add', args: [1] }, 2, /line 2: add takes 2 arguments/],
    [{ module: 'math.wasm', export: 'sub' }, 4, /line 2: no exported function "sub"/],
    [{ module: 'math.wasm', program: 'p.mjs', inputFile: 'none' }, 2, /line 2: cannot read .*none: no such file/],
    [{ ...add(1, 2), memory: 'much' }, 2, /line 2: memory must be a size/],
    [{ ...add(1, 2), deadline: 0 }, 2, /line 2: deadline must be a whole number/],
  ];
  for (const [line, expected, message] of cases) {
    await folder.lines('bad.jsonl', [add(1, 2), line]);
    const { code, out, err } = await folder.wasbox('batch', 'bad.jsonl');
    t.is(code, expected, err);
    t.is(out, '');
    t.regex(err, message);
  }
});

test('with --keep-going a mistake is a job that failed', async (t) => {
  await folder.lines('mixed.jsonl', [add(1, 2), '{', add(3, 4), { module: 'none.wasm' }, add(5, 6)]);
  const { code, out, err } = await folder.wasbox('batch', 'mixed.jsonl', '--keep-going', '--json');
  t.is(code, 1);
  t.regex(err, /^3 jobs done, 2 failed/);
  const results = byIndex(resultsIn(out));
  t.deepEqual(
    results.map(({ status }) => status),
    ['returned', 'failed', 'returned', 'failed', 'returned'],
  );
  t.like(results[1], { line: 2, code: 'usage' });
  t.regex(results[1]?.message ?? '', /mixed\.jsonl, line 2: no JSON/);
  const text = await folder.wasbox('batch', 'mixed.jsonl', '--keep-going');
  t.regex(text.out, /^2: failed: mixed\.jsonl, line 2: no JSON/m);
});

test('from a stream the jobs before a mistake come to their end', async (t) => {
  await folder.lines('mixed.jsonl', [add(1, 2), '{', add(3, 4)]);
  const { code, out, err } = await folder.shell('cat mixed.jsonl | $wasbox batch - --json');
  t.is(code, 2);
  t.regex(err, /^wasbox: standard input, line 2: no JSON.*; jobs done: 1\n$/);
  const [first, failure] = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Result);
  t.like(first, { index: 0, status: 'returned' });
  t.like(failure, { status: 'failed', code: 'usage' });
});

test('jobs begin in the order of the file, few at a time, and have their time from then on', async (t) => {
  // Each takes all of its time, so that those behind it would have none left if it had begun with the file.
  const jobs = wholeNumbers(4).map((i) => ({ name: `${i}`, module: 'loop.wasm', deadline: 300 }));
  const last = { name: 'last', ...add(1, 2), deadline: 1000 };
  await folder.lines('timed.jsonl', [...jobs, last]);
  const { out } = await folder.wasbox('batch', 'timed.jsonl', '--threads', '1', '--json');
  const results = resultsIn(out);
  t.deepEqual(
    results.map(({ index }) => index),
    wholeNumbers(5),
  );
  t.like(results[4], { status: 'returned' });
});

test('a batch that was killed is gone on with, and each line has its result once', async (t) => {
  const count = 10_000;
  await folder.lines(
    'large.jsonl',
    wholeNumbers(count).map((i) => add(i, 1)),
  );
  const args = ['batch', 'large.jsonl', '--threads', '2', '--output', 'large.out'];
  const soFar = async () => (await readFile(folder.file('large.out'), 'utf8').catch(() => '')).split('\n').length - 1;
  const child = folder.start(...args);
  while ((await soFar()) < 300 && child.child.exitCode === null) await new Promise((next) => setTimeout(next, 20));
  child.kill('SIGKILL');
  t.deepEqual(await child.end(), { code: null, signal: 'SIGKILL' });
  const before = await soFar();
  t.true(before >= 300 && before < count, `${before}`);
  // As if it had been killed while it wrote.
  await writeFile(folder.file('large.out'), '{"index":9999,"jo', { flag: 'a' });

  const refused = await folder.wasbox(...args);
  t.is(refused.code, 2);
  const again = folder.start(...args, '--resume');
  while ((await soFar()) < before + 300 && again.child.exitCode === null)
    await new Promise((next) => setTimeout(next, 20));
  again.kill('SIGTERM');
  t.deepEqual(await again.end(), { code: 5, signal: null });
  const done = await soFar();
  t.is(again.err, `wasbox: interrupted: ${done} of ${count} jobs are done; --output large.out --resume goes on\n`);

  const last = await folder.wasbox(...args, '--resume');
  t.is(last.code, 0, last.err);
  t.regex(last.err, new RegExp(`^${count - done} jobs done, 0 failed, ${done} before, `));
  const results = byIndex(resultsIn(await readFile(folder.file('large.out'), 'utf8')));
  t.deepEqual(
    sums(results),
    wholeNumbers(count).map((i) => [i, i + 1]),
  );
  const nothing = await folder.wasbox(...args, '--resume');
  t.regex(nothing.err, new RegExp(`^0 jobs done, 0 failed, ${count} before, `));
});

test('a jobs file that has grown is gone on with, one that has changed is not', async (t) => {
  const args = ['batch', 'grows.jsonl', '--output', 'grows.out', '--resume'];
  await folder.lines('grows.jsonl', [add(1, 1), { module: 'math.wasm', export: 'div', args: [1, 0] }]);
  t.is((await folder.wasbox(...args)).code, 1);
  await folder.lines('grows.jsonl', [add(1, 1), { module: 'math.wasm', export: 'div', args: [1, 0] }, add(2, 2)]);
  const more = await folder.wasbox(...args);
  t.regex(more.err, /^1 job done, 0 failed, 2 before, /);
  await folder.lines('grows.jsonl', [add(1, 2), add(2, 2)]);
  const changed = await folder.wasbox(...args);
  t.is(changed.code, 2);
  t.regex(changed.err, /line 1 is not the job whose result is in grows\.out/);
  t.is(resultsIn(await readFile(folder.file('grows.out'), 'utf8')).length, 3);
});

test('an interrupted batch says how far it is', async (t) => {
  await folder.lines('endless.jsonl', [add(1, 2), { module: 'loop.wasm' }, { module: 'loop.wasm' }]);
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    const child = folder.start('batch', 'endless.jsonl', '--threads', '1', '--json');
    await child.saw(/returned/);
    child.kill(signal);
    t.deepEqual(await child.end(), { code, signal: null });
    t.is(child.err, 'wasbox: interrupted: 1 of 3 jobs are done; with --output FILE it could be gone on with\n');
  }
});

test('a full disk ends the batch, and what was done before stays', async (t) => {
  await folder.lines(
    'much.jsonl',
    wholeNumbers(20).map((i) => add(i, 1)),
  );
  const args = 'batch much.jsonl --threads 1 --output much.out';
  const { code, err } = await folder.shell(`ulimit -f 4; $wasbox ${args}`);
  t.is(code, 8, err);
  const done = resultsIn(await readFile(folder.file('much.out'), 'utf8'));
  t.true(done.length > 0 && done.length < 20);
  t.is(
    err,
    `wasbox: cannot write much.out: it would be larger than files may be; ${done.length} of 20 jobs are done, and --output much.out --resume goes on\n`,
  );
  t.is((await folder.shell(`$wasbox ${args} --resume`)).code, 0);
  const results = byIndex(resultsIn(await readFile(folder.file('much.out'), 'utf8')));
  t.deepEqual(
    sums(results),
    wholeNumbers(20).map((i) => [i, i + 1]),
  );
  const full = await folder.shell('$wasbox batch much.jsonl > /dev/full');
  t.is(full.code, 8);
  t.is(full.err, 'wasbox: cannot write the output: the disk is full\n');
});

test('a reader that has seen enough ends the batch', async (t) => {
  const count = 5000;
  await folder.lines(
    'read.jsonl',
    wholeNumbers(count).map((i) => add(i, 1)),
  );
  const { code, out, err } = await folder.shell(
    '{ $wasbox batch read.jsonl --threads 1 --json; echo "exit $?" >&2; } | head -n 1',
  );
  t.is(code, 0);
  t.is(resultsIn(out).length, 1);
  const [, done] = /^wasbox: nobody reads the output any more: (\d+) of 5000 jobs are done\nexit 8\n$/.exec(err) ?? [];
  t.true(Number(done) < count, err);
});

test('results of a gigantic file are not kept: its lines are read as threads get free', async (t) => {
  // A pipe that would block whoever reads ahead without bound.
  const script = `node -e "
    const line = JSON.stringify({ module: 'math.wasm', export: 'add', args: [1, 2], name: 'x'.repeat(10000) }) + '\\n';
    let written = 0;
    const more = () => { while (process.stdout.write(line)) written++; written++; process.stdout.once('drain', more); };
    process.stdout.on('error', () => { console.error('written', written); process.exit(0); });
    more();" | { $wasbox batch - --threads 1 --json | head -n 20 > seen; }`;
  const { err } = await folder.shell(script);
  const written = Number(/written (\d+)/.exec(err)?.[1]);
  t.is(resultsIn(await readFile(folder.file('seen'), 'utf8')).length, 20);
  t.true(written < 2000, `${written} lines were read for some 20 results`);
});
