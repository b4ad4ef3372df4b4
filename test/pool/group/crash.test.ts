// Threads that die under groups, and host functions that hold them: a group ends with its thread, or, where it is copied, goes on
// as if nothing had been.

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { HostError } from '../../../src/index.ts';
import { CancelledError, Pool, type PoolGroup, type PoolSender, WorkerError } from '../../../src/pool/index.ts';
import { Random } from '../../fuzz/random.ts';
import { moduleOf } from '../../wat.ts';
import { arithmetic } from '../guests.ts';
import {
  bytesOf,
  endless,
  engines,
  inside,
  killThread,
  message,
  mirror,
  numberOf,
  otherEngine,
  script,
  soon,
  talking,
  textOf,
  until,
  upTo,
} from './guests.ts';

const host = new URL('../fixtures/host.ts', import.meta.url);
const hanging = new URL('../fixtures/hangs.ts', import.meta.url);
const folder = mkdtempSync(join(tmpdir(), 'wasbox-hangs-'));
/** For the pools that are made from now on. */
const flag = join(folder, 'hangs');
process.env.WASBOX_HANGS = flag;
/** Once a host function hangs. */
async function hung(): Promise<void> {
  await until(() => existsSync(flag), 120_000);
  rmSync(flag);
}

const calling = (name: string) =>
  moduleOf(
    `(import "env" "${name}" (func $host)) (func (export "main") (call $host)) (func (export "call") (call $host))`,
  );

/** Waits for a word, and then does something that no thread outlives. */
const later = (name: string) =>
  moduleOf(`${talking} (import "env" "${name}" (func $host)) (memory 1)
    (func (export "main") (drop (call $receive (i32.const 0) (i32.const 0) (i32.const 100))) (call $host))`);

/** Asks with each number that it gets, and sends on what it is told. */
const asks = await moduleOf(`${talking} (import "env" "ask" (func $ask (param i32) (result i32))) (memory 1)
  (func (export "main") (result i32) (local $count i32)
    (loop $more
      (if (i32.ge_s (call $receive (i32.const 0) (i32.const 0) (i32.const 4)) (i32.const 0)) (then
        (i32.store (i32.const 0) (call $ask (i32.load (i32.const 0))))
        (drop (call $send (i32.const 1) (i32.const 0) (i32.const 4)))
        (local.set $count (i32.add (local.get $count) (i32.const 1)))
        (br $more))))
    (local.get $count))`);

test.after.always(() => rmSync(folder, { recursive: true }));

const works = async (t: ExecutionContext, pool: Pool) => {
  const job = pool.submit({ module: arithmetic, export: 'add', args: [1, 2] });
  t.deepEqual(await soon(job.result), [3]);
  const group = pool.group();
  const { sender, receiver } = await soon(group.port());
  await sender.send(bytesOf('well'));
  t.is(textOf((await receiver.receive())?.bytes ?? bytesOf('')), 'well');
  group.dispose();
};

/** All that was asked of a group rejects with the same. */
async function isOver(t: ExecutionContext, group: PoolGroup, waiting: readonly Promise<unknown>[]): Promise<void> {
  for (const each of waiting) await t.throwsAsync(soon(each), { instanceOf: WorkerError });
  for (const again of [group.run(), group.save(), group.suspend(), group.fork(), group.port(), group.subscribe('x')])
    await t.throwsAsync(again, { instanceOf: WorkerError });
  group.dispose();
}

/** A group of a mirror, a member that is always busy if told so, and all that may wait for it. */
async function aGroup(pool: Pool, isBusy: boolean, options: Parameters<Pool['group']>[0]) {
  const group = pool.group({ sliceFuel: 1000, ...options });
  const [into, back] = [await group.port({ name: 'in', messages: 1 }), await group.port({ name: 'out' })];
  if (isBusy) await group.add('busy', { module: endless, export: 'main' });
  const ports = { in: into.receiver, out: back.sender };
  const member = await group.add('mirror', { module: mirror, export: 'main', ports });
  const [run, first] = [group.run(), back.receiver.receive()];
  const waiting: readonly Promise<unknown>[] = [run, first, member.result];
  for (const each of waiting) each.catch(() => {});
  return { group, into, back, member, run, first, waiting };
}

for (const engine of engines) {
  for (const isBusy of [false, true]) {
    const when = isBusy ? 'in a slice' : 'while it waits';
    test.serial(`${engine}: a group ends with the thread that dies ${when}, and nothing else does`, async (t) => {
      const pool = new Pool({ threads: 1 });
      t.teardown(() => pool.terminate());
      const { group, waiting } = await aGroup(pool, isBusy, { engine });
      if (isBusy) await until(() => pool.stats.running > 0);
      else await until(() => pool.stats.running === 0);
      killThread(pool, ([id = 0]) => id);
      await isOver(t, group, waiting);
      await works(t, pool);
    });

    test.serial(`${engine}: a copied group goes on where its thread dies ${when}`, async (t) => {
      const pool = new Pool({ threads: 1 });
      t.teardown(() => pool.terminate());
      const { group, into, back, member, run, first } = await aGroup(pool, isBusy, { engine, onCrash: 'retry' });
      const clones = [into.sender.clone(), back.receiver.clone()] as const;
      for (const i of upTo(4)) {
        killThread(pool, ([id = 0]) => id);
        const sent = clones[0].send(message(i));
        const received = i === 0 ? first : (i % 2 === 0 ? back.receiver : clones[1]).receive();
        t.is(numberOf((await soon(received, 120_000))?.bytes ?? message(-1)), i);
        await sent;
      }
      for (const clone of clones) clone.close();
      await soon(into.sender.send(message(4)), 120_000);
      t.is(numberOf((await soon(back.receiver.receive(), 120_000))?.bytes ?? message(-1)), 4);
      into.sender.close();
      t.deepEqual(await soon(member.result), [5]);
      if (isBusy) await group.cancel('busy');
      t.like(await soon(run), { status: 'ended' });
      group.dispose();
      await works(t, pool);
    });
  }

  test.serial(
    `${engine}: a group ends with the thread that it was sent to, and one that is new does not`,
    async (t) => {
      const pool = new Pool({ threads: 1 });
      t.teardown(() => pool.terminate());
      await pool.ready();
      const fresh = pool.group({ engine });
      const port = fresh.port();
      killThread(pool, ([id = 0]) => id);
      // It had not begun, and nothing was kept there.
      const { sender, receiver } = await soon(port, 120_000);
      await sender.send(bytesOf('one'));
      killThread(pool, ([id = 0]) => id);
      const waiting = [receiver.receive(), fresh.save()];
      await isOver(t, fresh, waiting);
      await works(t, pool);
    },
  );

  test.serial(`${engine}: nothing is lost and nothing comes twice where threads die at random`, async (t) => {
    t.timeout(600_000);
    const random = new Random(engine === 'native' ? 31 : 32);
    const calls: string[] = [];
    const env = {
      async ask(n: number, { job, id }: { job: string; id: number }) {
        calls.push(`${job} ${id}`);
        await sleep(random.below(5));
        return n + 1000;
      },
    };
    const pool = new Pool({ threads: 2, services: { env } });
    t.teardown(() => pool.terminate());
    const group = pool.group({ engine, onCrash: 'retry', identity: 'g', sliceFuel: 500 });
    const [into, back] = [await group.port({ messages: 3 }), await group.port({ messages: 3 })];
    const ports = { in: into.receiver, out: back.sender };
    const member = await group.add('asks', { module: asks, export: 'main', ports });
    const run = group.run();
    const count = 120;
    const sending = Promise.all(upTo(count).map((i) => into.sender.send(message(i))));
    into.sender.close();
    // Acts: done twice, the name would be taken.
    const acting = (async () => {
      for (const i of upTo(30)) {
        const { sender, receiver } = await group.port({ name: `own ${i}` });
        const echoing = { in: receiver, out: sender.clone() };
        await group.add(`echo ${i}`, { module: await script(['receive 0 0 4']), export: 'main', ports: echoing });
        await sender.send(message(i));
        sender.close();
      }
    })();
    const got: number[] = [];
    let isEnding = false;
    const killing = (async () => {
      for (let i = 0; i < 8 && !isEnding; i++) {
        await sleep(random.below(120));
        killThread(pool, (ids) => random.pick(ids));
      }
    })();
    for await (const { bytes } of back.receiver) got.push(numberOf(bytes));
    await soon(Promise.all([sending, acting]), 120_000);
    isEnding = true;
    await killing;
    t.like(await soon(run, 120_000), { status: 'ended' });
    t.deepEqual(
      got,
      upTo(count).map((i) => i + 1000),
    );
    t.deepEqual(await member.result, [count]);
    for (const i of upTo(30)) t.deepEqual(await group.member(`echo ${i}`).result, [4]);
    t.is(new Set(calls).size, calls.length, 'a call was asked twice');
    t.is(calls.length, count);
    group.dispose();
  });

  test.serial(`${engine}: ends that guests gave the host outlive their thread`, async (t) => {
    const pool = new Pool({ threads: 1 });
    t.teardown(() => pool.terminate());
    const group = pool.group({ engine, onCrash: 'retry' });
    const out = await group.port();
    const module = await moduleOf(`${talking} (memory 1) (func (export "main") (result i32)
      (drop (call $make (i32.const 4) (i32.const 100) (i32.const 0)))
      (drop (call $send_ports (i32.const 0) (i32.const 64) (i32.const 3) (i32.const 4) (i32.const 1)))
      (drop (call $make (i32.const 4) (i32.const 100) (i32.const 8)))
      (drop (call $send_ports (i32.const 0) (i32.const 64) (i32.const 3) (i32.const 12) (i32.const 1)))
      (drop (call $receive (i32.load (i32.const 0)) (i32.const 64) (i32.const 100)))
      (call $receive (i32.load (i32.const 8)) (i32.const 64) (i32.const 100)))`);
    const member = await group.add('m', { module, export: 'main', ports: { out: out.sender } });
    const run = group.run();
    const [first] = (await out.receiver.receive())?.ports ?? [];
    killThread(pool, ([id = 0]) => id);
    const [second] = (await soon(out.receiver.receive(), 120_000))?.ports ?? [];
    killThread(pool, ([id = 0]) => id);
    const clone = (first as PoolSender).clone();
    (first as PoolSender).close();
    await soon(clone.send(bytesOf('one')), 120_000);
    clone.close();
    killThread(pool, ([id = 0]) => id);
    await soon((second as PoolSender).send(bytesOf('four')), 120_000);
    t.like(await soon(run, 120_000), { status: 'ended' });
    t.deepEqual(await member.result, [4]);
  });

  test.serial(`${engine}: what ended as the group was copied is told once it goes on elsewhere`, async (t) => {
    const env: { ask: () => unknown } = { ask: () => undefined };
    let fail = (_: Error): void => {};
    const isAsked = new Promise<void>((resolve) => {
      env.ask = () => {
        resolve();
        return new Promise((_, reject) => {
          fail = reject;
        });
      };
    });
    const pool = new Pool({ threads: 1, services: { env } });
    t.teardown(() => pool.terminate());
    const group = pool.group({ engine, onCrash: 'retry' });
    const module = await moduleOf('(import "env" "ask" (func $ask)) (func (export "main") (call $ask))');
    const member = await group.add('m', { module, export: 'main' });
    const controller = new AbortController();
    const run = group.run({ signal: controller.signal });
    await isAsked;
    controller.abort('enough');
    await run;
    fail(new Error('no answer'));
    // The slice that is told of it.
    await until(() => pool.stats.running > 0);
    await until(() => pool.stats.running === 0);
    killThread(pool, ([id = 0]) => id);
    const outcome = await soon(group.run(), 60_000);
    t.deepEqual(outcome.status === 'ended' && [...outcome.members.keys()], ['m']);
    await t.throwsAsync(soon(member.result, 10_000), { instanceOf: HostError, message: /no answer/ });
  });

  test.serial(`${engine}: a slice that kills each thread is given up after three`, async (t) => {
    const pool = new Pool({ threads: 2 });
    t.teardown(() => pool.terminate());
    const deaths = countDeaths(pool);
    const [group, once] = [pool.group({ engine, onCrash: 'retry' }), pool.group({ engine })];
    const dies = await calling('die');
    const member = await group.add('dies', { module: dies, export: 'main', host });
    await t.throwsAsync(soon(group.run(), 120_000), { instanceOf: WorkerError, message: /died/ });
    await t.throwsAsync(member.result, { instanceOf: WorkerError });
    t.is(deaths(), 3);
    const other = await once.add('dies', { module: dies, export: 'main', host });
    await t.throwsAsync(soon(once.run(), 120_000), { instanceOf: WorkerError });
    await t.throwsAsync(other.result, { instanceOf: WorkerError });
    t.is(deaths(), 4);
    await works(t, pool);
  });

  test.serial(`${engine}: an error that nobody catches ends the thread and not the pool`, async (t) => {
    const pool = new Pool({ threads: 1 });
    t.teardown(() => pool.terminate());
    const deaths = countDeaths(pool);
    const group = pool.group({ engine });
    const { sender, receiver } = await group.port();
    await group.add('wrecks', { module: await later('wreck'), export: 'main', host, ports: { in: receiver } });
    const run = group.run();
    // It may have been sent and have ended before.
    const sent = sender.send(bytesOf('now')).catch((error: unknown) => t.true(error instanceof WorkerError));
    const end = await soon(run.catch((error: unknown) => error));
    if (end instanceof Error) t.true(end instanceof WorkerError);
    await sent;
    await until(() => deaths() === 1);
    group.dispose();
    await works(t, pool);
  });

  test.serial(`${engine}: a host function that hangs is ended with its group, whatever is asked of that`, async (t) => {
    const pool = new Pool({ threads: 1, grace: 30 });
    t.teardown(() => pool.terminate());
    const hangs = await calling('hang');
    const running = async () => {
      const group = pool.group({ engine });
      const member = await group.add('hangs', { module: hangs, export: 'main', host: hanging });
      member.result.catch(() => {});
      return { group, member };
    };
    const timed = await running();
    await t.throwsAsync(soon(timed.group.run({ timeout: 500 }), 120_000), { instanceOf: WorkerError });
    await t.throwsAsync(timed.member.result, { instanceOf: WorkerError });
    await hung();
    await works(t, pool);

    const signalled = await running();
    const controller = new AbortController();
    const run = signalled.group.run({ signal: controller.signal });
    await hung();
    controller.abort('enough');
    await t.throwsAsync(soon(run, 120_000), { instanceOf: WorkerError });

    const disposed = await running();
    const disposing = disposed.group.run();
    await hung();
    disposed.group.dispose();
    await t.throwsAsync(soon(disposing), { instanceOf: CancelledError });
    await t.throwsAsync(disposed.member.result, { instanceOf: CancelledError });
    await works(t, pool);

    const suspended = await running();
    const suspending = suspended.group.run();
    await hung();
    const snapshot = suspended.group.suspend();
    await t.throwsAsync(soon(snapshot, 120_000), { instanceOf: WorkerError });
    await t.throwsAsync(soon(suspending), { instanceOf: WorkerError });
    await works(t, pool);

    const last = await running();
    const ending = last.group.run();
    await hung();
    const terminated = pool.terminate();
    await t.throwsAsync(soon(ending), { instanceOf: CancelledError });
    await soon(terminated);
  });

  test.serial(`${engine}: a copied group outlives a host function that hangs`, async (t) => {
    const pool = new Pool({ threads: 1, grace: 30 });
    t.teardown(() => pool.terminate());
    const group = pool.group({ engine, onCrash: 'retry' });
    const [into, back] = [await group.port({ name: 'in' }), await group.port({ name: 'out' })];
    const hangs = await calling('hang');
    await group.add('hangs', { module: hangs, export: 'main', host: hanging });
    const ports = { in: into.receiver, out: back.sender };
    await group.add('mirror', { module: mirror, export: 'main', ports });
    await into.sender.send(message(3));
    t.deepEqual(await soon(group.run({ timeout: 500 }), 120_000), { status: 'suspended', reason: { kind: 'timeout' } });
    await hung();
    const run = group.run();
    await hung();
    const saved = await soon(group.suspend(), 120_000);
    t.like(await run, { status: 'suspended' });
    const members = { hangs: { host: hanging } };
    const resumed = pool.resumeGroup(saved, { engine: otherEngine(engine), modules: [hangs, mirror], members });
    await resumed.cancel('hangs');
    const going = resumed.run();
    resumed.sender('in').close();
    t.is(numberOf((await resumed.receiver('out').receive())?.bytes ?? message(-1)), 3);
    t.like(await soon(going), { status: 'ended' });
    resumed.dispose();
    await works(t, pool);
  });

  test.serial(`${engine}: a group is copied in its own time`, async (t) => {
    const pool = new Pool({ threads: 1, grace: 500 });
    t.teardown(() => pool.terminate());
    const deaths = countDeaths(pool);
    const module = await moduleOf(`(memory 4096) (func (export "main") (local $at i32)
      (loop $fill
        (i32.store (local.get $at) (i32.mul (local.get $at) (i32.const 2654435761)))
        (br_if $fill (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 64))) (i32.const 268435456))))
      (loop $l (br $l)))`);
    const [group, other] = [pool.group({ engine, onCrash: 'retry' }), pool.group({ engine })];
    await other.port();
    const member = await group.add('large', { module, export: 'main' });
    member.result.catch(() => {});
    for (let i = 0; i < 2; i++) {
      const run = group.run({ timeout: 1000 });
      t.deepEqual(await soon(run, 300_000), { status: 'suspended', reason: { kind: 'timeout' } });
      t.is(deaths(), 0);
    }
    await other.port();
    t.deepEqual((await soon(group.suspend(), 120_000)).members, ['large']);
  });
}

/** How many threads of the pool have died since. */
function countDeaths(pool: Pool): () => number {
  const { events } = inside(pool).threads;
  const before = events.died;
  let count = 0;
  events.died = (thread) => {
    count++;
    before(thread);
  };
  return () => count;
}
