// Batches whose modules have changed meanwhile, and disks that have no room for what is to be kept.

import { mkdir } from 'node:fs/promises';
import test from 'ava';
import { onSmallDisk, withSmallDisk } from '../small-disk.ts';
import { assembleText } from '../spec/script/assemble.ts';
import { Folder, type Ran } from './wasbox.ts';

let folder: Folder;
test.before(async () => {
  folder = await Folder.make();
});
test.after.always(() => folder.remove());

const jobsIn = async (store: string): Promise<{ key: string; state: string }[]> =>
  JSON.parse((await folder.wasbox('jobs', 'list', store, '--json')).out).jobs ?? [];

/** Of a job that never ends: begun, and left where it is. */
async function interrupted(...command: string[]): Promise<void> {
  const running = folder.start(...command);
  const store = command[command.indexOf('--store') + 1] as string;
  while ((await jobsIn(store).catch(() => [])).length === 0) await new Promise((soon) => setTimeout(soon, 50));
  running.kill('SIGTERM');
  await running.end();
}

const rebuilt = (text = '') => assembleText(`(module ${text} (func (export "run") (loop $more (br $more))))`);

test('a batch whose module was built anew comes to its end, and tells what is kept of it', async (t) => {
  await folder.write('job.wasm', await rebuilt());
  await folder.lines('jobs.jsonl', [{ module: 'job.wasm' }, { module: 'math.wasm', export: 'add', args: [1, 2] }]);
  const command = ['batch', 'jobs.jsonl', '--threads', '1', '--store', 'rebuilt'];
  await interrupted(...command);
  await folder.write('job.wasm', await rebuilt('(memory 1)'));
  let ran: Ran | undefined;
  for (let i = 0; i < 2; i++) {
    ran = await folder.wasbox(...command);
    t.is(ran.code, 1, ran.err);
    t.regex(ran.out, /failed: the key .* is that of another job/);
    t.regex(ran.out, /add: 3/);
    t.regex(ran.err, /^1 job done, 1 failed/m);
    t.is((await jobsIn('rebuilt')).length, 1, 'what has ended is forgotten');
  }
  const [, rm = ''] = /1 job is kept that no line .*; to remove: wasbox (.*)/.exec(ran?.err ?? '') ?? [];
  t.is((await folder.wasbox(...rm.split(' '))).code, 0, ran?.err);
  t.deepEqual(await jobsIn('rebuilt'), []);
});

test('so does one of which a line has changed, and one that is read once', async (t) => {
  await folder.write('other.wasm', await rebuilt());
  await folder.lines('lines.jsonl', [{ module: 'other.wasm' }]);
  const command = ['batch', 'lines.jsonl', '--store', 'changed'];
  await interrupted(...command);
  await folder.lines('lines.jsonl', [{ module: 'math.wasm', export: 'add', args: [1, 2] }]);
  const changed = await folder.wasbox(...command);
  t.is(changed.code, 0, changed.err);
  t.regex(changed.err, /1 job is kept .*wasbox jobs rm changed batch\/[0-9a-f]+\/0-[0-9a-f]+$/m);

  await folder.lines('piped.jsonl', [{ module: 'other.wasm' }]);
  const piped = () => folder.shell('timeout -s TERM 15 $wasbox batch - --store piped --threads 1 < piped.jsonl');
  t.not((await piped()).code, 0);
  t.is((await jobsIn('piped')).length, 1);
  await folder.write('other.wasm', await rebuilt('(memory 1)'));
  const again = await piped();
  t.is(again.code, 1, again.err);
  t.regex(again.err, /1 job is kept .*wasbox jobs rm piped batch/);
});

test('a result of a module as it was before is forgotten with the batch, and not told', async (t) => {
  await folder.write('first.wasm', await assembleText('(module (func (export "run") (result i32) (i32.const 1)))'));
  await folder.lines('two.jsonl', [{ module: 'first.wasm' }, { module: 'loop.wasm', fuel: 1e11 }]);
  const command = ['batch', 'two.jsonl', '--threads', '1', '--store', 'two'];
  const running = folder.start(...command);
  while ((await jobsIn('two').catch(() => [])).length < 2) await new Promise((soon) => setTimeout(soon, 50));
  running.kill('SIGTERM');
  await running.end();
  await folder.write('first.wasm', await assembleText('(module (func (export "run") (result i32) (i32.const 2)))'));
  await folder.lines('two.jsonl', [{ module: 'first.wasm' }]);
  const { code, out, err } = await folder.wasbox(...command);
  t.is(code, 1, err);
  t.regex(out, /is that of another job/);
  t.regex(err, /1 job is kept .* batch\/[0-9a-f]+\/1-[0-9a-f]+$/m, 'the one whose line is gone');
  const again = await folder.wasbox(...command);
  t.regex(again.out, /: 2 /);
});

/** Runs a command on a disk of some MiB, which is filled once something was saved. */
const filled = (command: string): [string, string[]] => {
  const script = `mount -t tmpfs -o size=12m none "$PWD/small" && cp *.wasm jobs2.jsonl small && cd small || exit 99
    ${command} & job=$!
    until $wasbox jobs list st --json 2>/dev/null | grep -q '"saves":[1-9]'; do sleep 0.1; done
    dd if=/dev/zero of=fill bs=65536 2>/dev/null; dd if=/dev/zero of=fill2 bs=1024 2>/dev/null
    wait $job; echo "exit $?" >&2
    rm fill fill2
    $wasbox jobs list st --json`;
  return onSmallDisk('tiny', 'sh', '-c', script);
};

withSmallDisk('a disk that gets full ends a program that is kept, which goes on from its last save', async (t) => {
  for (const name of ['small', 'tiny']) await mkdir(folder.file(name), { recursive: true });
  await folder.lines('jobs2.jsonl', [{ module: 'loop.wasm' }, { module: 'loop.wasm', name: 'second' }]);
  const run = await folder.command(...filled('$wasbox run loop.wasm --store st --key "a b" --save-every 100ms'));
  t.regex(
    run.err,
    /the disk is full .*; "a b" is kept as it was saved last: .* `wasbox jobs resume st 'a b'`, goes on/,
  );
  t.regex(run.err, /^exit 8$/m);
  const [job] = JSON.parse(run.out).jobs;
  t.like(job, { key: 'a b', state: 'live' });
  const batch = await folder.command(
    ...filled('$wasbox batch jobs2.jsonl --threads 2 --store st --save-every 100ms --json'),
  );
  t.regex(batch.err, /the disk is full .*; 0 of 2 jobs are done, and --store st goes on/);
  t.regex(batch.err, /^exit 8$/m);
});
