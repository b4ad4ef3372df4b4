// Jobs of a store whose owner is elsewhere: waited for until that is seen to live, or seems to be dead, and then taken over.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test, { type ExecutionContext } from 'ava';
import { entryOf, headOf, stateOf } from '../../src/pool/durable/entry.ts';
import { Ledger } from '../../src/pool/durable/ledger.ts';
import { pack, unpack } from '../../src/pool/told/parcel.ts';
import { type Head, openStore, type Store } from '../../src/store/disk/index.ts';
import { Folder } from './wasbox.ts';

let folder: Folder;
test.before(async () => {
  folder = await Folder.make();
});
test.after.always(() => folder.remove());

const json = async (...args: string[]) => JSON.parse((await folder.wasbox(...args, '--json')).out);

async function withStore<T>(path: string, act: (store: Store) => Promise<T>): Promise<T> {
  const store = await openStore(folder.file(path));
  try {
    return await act(store);
  } finally {
    await store.close();
  }
}

/** An owner is there, or renews what it says: it may be of another machine, or of this one. */
async function renew(store: Store, data: object): Promise<void> {
  const name = 'owner/other';
  const expected = (await store.head(name))?.version ?? 0;
  await store.commit({ heads: [{ name, expected, state: { data: new Uint8Array(pack(data, 'an owner')) } }] });
}
const elsewhere = { pid: process.pid, place: 'oldbox 1234 pid:[1]', lease: 2000 };

/** All jobs that have no result are those of that owner from now on. */
async function owned(path: string, data: object): Promise<void> {
  await withStore(path, async (store) => {
    await renew(store, data);
    for (const head of await store.list({ prefix: headOf('') })) {
      const entry = entryOf(head);
      if (entry.state === 'live') await set(store, head, { ...entry, owner: 'other' });
    }
  });
}
const set = (store: Store, { name, version }: Head, entry: ReturnType<typeof entryOf>) =>
  store.commit({ heads: [{ name, expected: version, state: stateOf(entry) }] });

/** A program that was left in its midst by another machine. */
async function left(t: ExecutionContext, store: string, data: object = elsewhere): Promise<readonly string[]> {
  const command = ['run', 'big.wasm', '20', '--store', store, '--key', 'fib'];
  t.is((await folder.wasbox(...command, '--fuel', '50000')).code, 5);
  await owned(store, data);
  return command;
}

const told = /"fib" was under way in a process of oldbox; waiting to see whether that still lives, for up to 20? s/;

test('what was run where nobody answers any more is taken over after a lease', async (t) => {
  for (const options of [[], ['--json']]) {
    const command = await left(t, `dead${options.length}`);
    const { code, out, err } = await folder.wasbox(...command, ...options);
    t.is(code, 0, err);
    t.regex(err, told);
    t.regex(out, /6765/);
  }
});

test('so it is by `jobs resume`', async (t) => {
  await left(t, 'resumed');
  const { code, out, err } = await folder.wasbox('jobs', 'resume', 'resumed', 'fib');
  t.deepEqual([code, out.split('\n')[0]], [0, '6765'], err);
  t.regex(err, told);
});

test('and by `jobs rm`', async (t) => {
  await left(t, 'removed');
  const { code, err } = await folder.wasbox('jobs', 'rm', 'removed', 'fib');
  t.is(code, 0, err);
  t.regex(err, told);
  t.deepEqual((await json('jobs', 'list', 'removed')).jobs, []);
});

/** One that has enough time, however slow this machine is. */
const slow = { ...elsewhere, lease: 20_000 };

/** While an owner lives, elsewhere. */
async function living<T>(path: string, act: () => Promise<T>): Promise<T> {
  return withStore(path, async (store) => {
    const timer = setInterval(() => void renew(store, slow).catch(() => {}), 300);
    try {
      return await act();
    } finally {
      clearInterval(timer);
    }
  });
}

test('who is seen to live keeps its job', async (t) => {
  const command = await left(t, 'alive', slow);
  for (const line of [command, ['jobs', 'resume', 'alive', 'fib'], ['jobs', 'rm', 'alive', 'fib']]) {
    const { code, out, err } = await living('alive', () => folder.wasbox(...line, '--json'));
    t.is(code, 2, err);
    t.regex(err, told);
    t.like(JSON.parse(out), { status: 'failed', code: 'usage', message: '"fib" is under way in another process' });
  }
  t.like((await json('jobs', 'list', 'alive')).jobs[0], { key: 'fib', state: 'live', owner: 'other' });
});

test('a signal ends the waiting, and so does the end of the time; the job is as it was', async (t) => {
  const command = await left(t, 'signalled', { ...elsewhere, lease: 600_000 });
  for (const [signal, exit, name] of [
    ['SIGINT', 130, 'interrupted'],
    ['SIGTERM', 143, 'terminated'],
  ] as const) {
    const running = folder.start(...command, '--json');
    while (!/waiting/.test(running.err)) await new Promise((soon) => setTimeout(soon, 20));
    running.kill(signal);
    t.is((await running.end()).code, exit);
    t.like(JSON.parse(running.out), { status: 'failed', code: name });
  }
  const late = await folder.wasbox(...command, '--timeout', '1500');
  t.is(late.code, 5);
  t.regex(late.err, /out of time before "fib" could be taken over: it is as it was/);
  t.like((await json('jobs', 'list', 'signalled')).jobs[0], { owner: 'other', saves: 1 });
});

test('a batch takes over what another machine has left of it', async (t) => {
  await folder.lines('left.jsonl', [{ module: 'loop.wasm' }, { module: 'loop.wasm', name: 'second' }]);
  const command = ['batch', 'left.jsonl', '--threads', '2', '--store', 'left', '--save-every', '100ms', '--json'];
  const saves = async (least: number) => {
    for (;;) {
      const { jobs = [] } = await json('jobs', 'list', 'left').catch(() => ({}));
      if (jobs.length === 2 && jobs.every((job: { saves: number }) => job.saves > least)) return;
    }
  };
  const first = folder.start(...command);
  await saves(0);
  first.kill('SIGTERM');
  t.is((await first.end()).code, 5, first.err);
  const [{ saves: before }] = (await json('jobs', 'list', 'left')).jobs;
  await owned('left', { ...elsewhere, lease: 4000 });
  const second = folder.start(...command);
  await saves(before + 20);
  second.kill('SIGTERM');
  t.is((await second.end()).code, 5, second.err);
  t.regex(
    second.err,
    /jobs were under way in a process of oldbox; waiting to see whether that still lives, for up to 4 s/,
  );
  t.is(second.err.split('oldbox').length, 2, 'told once');
});

/** How an owner of this machine says who it is. */
const here = (): Promise<object> =>
  withStore('mine', async (store) => {
    const ledger = new Ledger(store, 10_000);
    await ledger.claim('none');
    const [head] = await store.list({ prefix: 'owner/' });
    await ledger.close();
    return unpack((head as Head).data) as object;
  });

/** The number of a process that has ended. */
async function gone(): Promise<number> {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  return child.pid as number;
}

test('`jobs list` tells who lives from who is gone', async (t) => {
  const mine = await here();
  const cases = [
    [{ ...mine, pid: await gone() }, 'interrupted'],
    [{ ...mine, pid: process.pid }, 'under way'],
    [elsewhere, 'under way, or its machine is gone'],
    [{}, 'under way, or its machine is gone'],
  ] as const;
  for (const [i, [owner, condition]] of cases.entries()) {
    await left(t, `list${i}`, owner);
    t.like((await json('jobs', 'list', `list${i}`)).jobs[0], { state: 'live', condition });
    t.like(await json('jobs', 'show', `list${i}`, 'fib'), { condition });
    const [, row] = (await folder.wasbox('jobs', 'list', `list${i}`)).out.split('\n');
    t.is(row?.split(/\s{2,}/)[1], condition);
  }
  await folder.wasbox('run', 'big.wasm', '20', '--store', 'list9', '--fuel', '50000');
  t.like((await json('jobs', 'list', 'list9')).jobs[0], { state: 'live', condition: 'suspended' });
});
