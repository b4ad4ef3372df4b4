// The examples do what they say: each in a process of its own, in an empty folder, as a user runs it. The page in the
// browser has a test of its own (browser/page.test.ts).

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { guests } from '../examples/assemble.ts';

const examples = fileURLToPath(new URL('../examples/', import.meta.url));
const readme = await readFile(join(examples, 'README.md'), 'utf8');

async function emptyFolder(t: ExecutionContext): Promise<string> {
  t.true(existsSync(join(examples, '../dist/src/index.js')), 'build first: npm run build');
  const folder = await mkdtemp(join(tmpdir(), 'wasbox-example-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** The lines that an example prints. */
async function linesOf(name: string, cwd: string, ...args: string[]): Promise<string[]> {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [join(examples, name, 'main.js'), ...args], {
    cwd,
  });
  if (stderr !== '') throw new Error(stderr);
  return stdout.trimEnd().split('\n');
}

test.serial('the modules are what the texts beside them assemble to', async (t) => {
  const all = await guests();
  t.is(all.length, 9);
  for (const { target, bytes } of all)
    t.deepEqual(new Uint8Array(await readFile(target)), new Uint8Array(bytes), target);
});

test.serial('the README lists every example', async (t) => {
  const folders = (await readdir(examples, { withFileTypes: true })).filter((entry) => entry.isDirectory());
  for (const { name } of folders) t.true(readme.includes(`| [${name}](${name}/`), name);
});

test.serial('pause: processes go on where the one before stopped', async (t) => {
  const folder = await emptyFolder(t);
  const told: string[] = [];
  let processes = 0;
  for (let last = ''; !last.startsWith('  done'); last = told.at(-1) as string) {
    t.true(processes++ < 50, told.join('\n'));
    told.push(...(await linesOf('pause', folder)));
    t.is(existsSync(join(folder, 'primes.wbx')), !told.at(-1)?.startsWith('  done'));
  }
  t.true(processes > 2);
  const primes = told.flatMap((line) => /^process \d+: (.*)$/.exec(line)?.[1]?.split(' ') ?? []).filter(Boolean);
  t.is(primes.length, 95);
  t.deepEqual(primes.slice(0, 5), ['2', '3', '5', '7', '11']);
  t.is(primes.at(-1), '499');
  t.is(told.at(-1), '  done: 95 primes');
  t.true(
    told.some((line) => /^ {2}stopped in .*primes\(500, /.test(line)),
    told.join('\n'),
  );
});

test.serial('fork: each way that a choice can go', async (t) => {
  const lines = await linesOf('fork', await emptyFolder(t));
  t.deepEqual(lines.slice(0, 2), [
    '. Q . . . .    . . Q . . .    . . . Q . .    . . . . Q .',
    '. . . Q . .    . . . . . Q    Q . . . . .    . . Q . . .',
  ]);
  t.regex(lines.at(-1) as string, /^4 solutions, \d+ VMs$/);
  t.regex((await linesOf('fork', tmpdir(), '4')).at(-1) as string, /^2 solutions, \d+ VMs$/);
});

test.serial('rewind: from a trap back, and to it again', async (t) => {
  const lines = await linesOf('rewind', await emptyFolder(t));
  t.regex(lines[0] as string, /^trapped after \d+ units of fuel: integer divide by zero$/);
  t.regex(lines[1] as string, /^ {2}in average at 0x/);
  t.regex(lines[2] as string, /^ {2}in shrink at 0x/);
  const place = /at 0x[0-9a-f]+/.exec(lines[1] as string)?.[0] as string;
  t.true(lines.at(-1)?.startsWith(`  average ${place}: count 0, i 0, sum 0; operands 0 0`), lines.join('\n'));
});

test.serial('agent: a human answers in another process, and each payment is made once', async (t) => {
  const folder = await emptyFolder(t);
  const first = await linesOf('agent', folder);
  t.is(first[0], '  paid 120 for invoice 1');
  t.regex(first[1] as string, /invoice 2 is of 2500/);
  // Asked again by a process that has no answer either.
  t.regex((await linesOf('agent', folder))[0] as string, /invoice 2 is of 2500/);
  const kept = await readFile(join(folder, 'agent.wbx'));
  const second = await linesOf('agent', folder, 'yes');
  t.deepEqual(second.slice(0, 3), ['  invoice 2: approved', '  paid 2500 for invoice 2', '  paid 80 for invoice 3']);
  t.regex(second[3] as string, /invoice 4 is of 19000/);
  // Whoever goes on from an old state pays nothing twice: the bank knows the calls.
  await writeFile(join(folder, 'agent.wbx'), kept);
  const again = await linesOf('agent', folder, 'yes');
  t.is(again[0], '  invoice 2: approved');
  t.regex(again[1] as string, /invoice 4 is of 19000/);
  t.deepEqual(await linesOf('agent', folder, 'no'), [
    '  invoice 4: refused',
    '  paid 640 for invoice 5',
    'done: 3340 were paid',
  ]);
  t.deepEqual(await readdir(folder), []);
});

test.serial('batch: late jobs go on, and all end', async (t) => {
  const lines = await linesOf('batch', await emptyFolder(t));
  const counts = lines.flatMap((line) => {
    const [, count, limit] = /: (\d+) primes below (\d+)$/.exec(line) ?? [];
    return limit === undefined ? [] : [[Number(limit), Number(count)] as const];
  });
  t.deepEqual(
    counts.sort(([a], [b]) => a - b),
    [
      [1000, 168],
      [5000, 669],
      [20_000, 2262],
      [40_000, 4203],
      [60_000, 6057],
    ],
  );
  t.is(counts.length + lines.filter((line) => line.includes(' was late')).length, lines.length);
});

test.serial('chat: processes go on with all guests, nothing is said twice, and nothing is lost', async (t) => {
  const folder = await emptyFolder(t);
  const file = join(folder, 'chat.wbx');
  const said = (lines: string[]) => lines.filter((line) => !line.startsWith(' '));
  const first = await linesOf('chat', folder);
  t.deepEqual(said(first), [
    'Ada: Bob, have you seen my umbrella?',
    'Bob: The red one? Cleo borrowed it.',
    'Cleo: I brought it back on Friday, Ada.',
    'Ada: On Friday I came home wet. Bob?',
  ]);
  t.regex(first.at(-1) as string, /^ {2}saved \d+ bytes$/);
  const kept = await readFile(file);
  const second = said(await linesOf('chat', folder));
  t.deepEqual(second, [
    'Bob: It may be in my hall. Did you leave it there, Cleo?',
    'Cleo: I did, and Bob was asleep.',
    'Bob: Then come and take it at five, Ada.',
    'Ada: At five I am at work. Cleo, could you go?',
  ]);
  // From the same state once more, in the same way.
  await writeFile(file, kept);
  t.deepEqual(said(await linesOf('chat', folder)), second);
  t.deepEqual(await linesOf('chat', folder), [
    'Cleo: I could, if Bob is at home.',
    'Bob: I am. By the way, Ada: it will rain at six.',
    'Ada: Then I want it before six. Thank you both!',
    '  Ada has left, and heard 8 lines',
    '  Bob has left, and heard 7 lines',
    '  Cleo has left, and heard 7 lines',
  ]);
  t.deepEqual(await readdir(folder), []);
});

test.serial('map-reduce: a worker fails, and the others do the rest', async (t) => {
  const lines = await linesOf('map-reduce', await emptyFolder(t));
  const last = lines.pop();
  t.is(last, 'the sum of 7 of 8 lines is 254');
  // Who takes which line depends on how fast the host is.
  t.deepEqual(lines.map((line) => line.replaceAll(/ \d/g, '')).sort(), [
    'worker failed: unreachable',
    'worker took lines',
    'worker took lines',
  ]);
});

test.serial('package: SQLite on wasbox', async (t) => {
  t.deepEqual(await linesOf('package', await emptyFolder(t)), [
    'Jupiter: 3, up to 2634.1 km: Ganymede, Io, Europa',
    'Saturn: 2, up to 2574.7 km: Titan, Rhea',
    'Neptune: 1, up to 1353.4 km: Triton',
  ]);
});
