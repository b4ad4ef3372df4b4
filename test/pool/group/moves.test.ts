// Groups that move from thread to thread because another one is idle, and many of them beside jobs and programs: nothing is lost on
// the way, and nobody starves.

import test, { type ExecutionContext } from 'ava';
import { run as runProgram } from '../../../src/javascript/node/index.ts';
import { Pool, type PoolGroup, PoolReceiver, PoolSender } from '../../../src/pool/index.ts';
import { deferred } from '../../../src/pool/line/deferred.ts';
import { Random } from '../../fuzz/random.ts';
import { moduleOf } from '../../wat.ts';
import { arithmetic } from '../guests.ts';
import {
  bytesOf,
  type Engine,
  endless,
  engines,
  expected,
  inside,
  message,
  mirror,
  numberOf,
  otherEngine,
  poolRing,
  RingService,
  returned,
  soon,
  talking,
  textOf,
  threadOf,
  until,
  upTo,
} from './guests.ts';

const host = new URL('../fixtures/host.ts', import.meta.url);
const hangs = await moduleOf('(import "env" "hang" (func $hang)) (func (export "main") (call $hang))');

/** Asks once, and sends what it is told. */
const asks = await moduleOf(`${talking} (import "ask" "ask" (func $ask (param i32) (result i32))) (memory 1)
  (func (export "main") (result i32)
    (i32.store (i32.const 0) (call $ask (i32.const 7)))
    (drop (call $send (i32.const 0) (i32.const 0) (i32.const 4)))
    (i32.load (i32.const 0)))`);

/** What holds one of the pool's threads until it is cancelled. */
async function blocked(pool: Pool): Promise<() => void> {
  const job = pool.submit({ module: hangs, export: 'main', host });
  job.result.catch(() => {});
  await until(() => job.status === 'running');
  return () => job.cancel();
}

/** A group that always has something to do, and in which everything is under way that can be. */
class World {
  readonly ends: { [name: string]: PoolSender | PoolReceiver } = {};
  readonly answer = deferred<number>();
  readonly calls: string[] = [];
  private readonly results: Promise<readonly unknown[]>[] = [];

  private constructor(
    readonly group: PoolGroup,
    private readonly engine: Engine,
  ) {}

  static async of(pool: Pool, engine: Engine, ...[threads]: readonly number[]): Promise<World> {
    const ask = (_: number, { job, id }: { job: string; id: number }) => {
      world.calls.push(`${job} ${id}`);
      return world.answer.promise;
    };
    const width = threads === undefined ? {} : { threads };
    const group = pool.group({ engine, sliceFuel: 2000, identity: 'g', services: { ask: { ask } }, ...width });
    const world = new World(group, engine);
    await world.fill();
    return world;
  }

  private async fill(): Promise<void> {
    const { group, ends } = this;
    const [into, back, told, kept] = await Promise.all(
      ['into', 'back', 'told', 'kept'].map((name) => group.port({ name, messages: 4 })),
    );
    if (into === undefined || back === undefined || told === undefined || kept === undefined) throw new Error('none');
    await group.add('busy', { module: endless, export: 'main' });
    const asking = await group.add('asks', { module: asks, export: 'main', ports: { out: told.sender.clone() } });
    await group.add('mirror', { module: mirror, export: 'main', ports: { in: into.receiver, out: back.sender } });
    const giving = { module: givesEnds, export: 'main', ports: { out: told.sender } };
    const gave = await group.add('gives', giving);
    this.results.push(asking.result, gave.result);
    Object.assign(ends, { into: into.sender, more: into.sender.clone(), third: into.sender.clone() });
    Object.assign(ends, { back: back.receiver, also: back.receiver.clone(), told: told.receiver });
    Object.assign(ends, { 'kept in': kept.sender, 'kept out': kept.receiver });
    void group.run().catch(() => {});
    const { ports } = (await told.receiver.receive()) ?? { ports: [] };
    Object.assign(ends, { theirs: ports[0], ours: ports[1] });
    for (const i of upTo(3)) await kept.sender.send(message(i), i === 1 ? { ports: [ends.third as PoolSender] } : {});
    await until(() => this.calls.length > 0);
  }

  sender(name: string): PoolSender {
    const end = this.ends[name];
    if (!(end instanceof PoolSender)) throw new Error(`${name} sends nothing`);
    return end;
  }

  receiver(name: string): PoolReceiver {
    const end = this.ends[name];
    if (!(end instanceof PoolReceiver)) throw new Error(`${name} receives nothing`);
    return end;
  }

  /** All of it is as it was. */
  async check(t: ExecutionContext): Promise<void> {
    for (const [i, name] of ['into', 'more', 'into', 'more'].entries()) await this.sender(name).send(message(i));
    for (const [i, name] of ['back', 'also', 'also', 'back'].entries())
      t.is(numberOf((await this.receiver(name).receive())?.bytes ?? message(-1)), i);
    // What the guest has sent to its own port before it gave that away.
    t.is(textOf((await this.receiver('theirs').receive())?.bytes ?? bytesOf('')), 'own');
    await this.sender('ours').send(bytesOf('yours'));
    const kept: number[] = [];
    for (const i of upTo(3)) {
      const received = await this.receiver('kept out').receive();
      kept.push(numberOf(received?.bytes ?? message(-1)));
      if (i === 1) await (received?.ports[0] as PoolSender | undefined)?.send(message(99));
    }
    t.deepEqual(kept, upTo(3));
    t.is(numberOf((await this.receiver('back').receive())?.bytes ?? message(-1)), 99);
    t.deepEqual(this.calls, ['g/asks 1']);
  }

  /** And comes to its end. */
  async end(t: ExecutionContext): Promise<void> {
    this.answer.resolve(5);
    t.is(numberOf((await this.receiver('told').receive())?.bytes ?? message(-1)), 5);
    t.deepEqual(await Promise.all(this.results), [[5], [5]]);
    t.deepEqual(this.calls, ['g/asks 1'], `a call was asked twice on ${this.engine}`);
    this.group.dispose();
  }
}

/** Sends a word to a port of its own, gives the host its ends, and returns how much it then hears there. */
const givesEnds = await moduleOf(`${talking} (memory 1) (data (i32.const 64) "own")
  (func (export "main") (result i32)
    (drop (call $make (i32.const 4) (i32.const 100) (i32.const 0)))
    (drop (call $send (i32.load (i32.const 4)) (i32.const 64) (i32.const 3)))
    (i32.store (i32.const 8) (call $clone (i32.load (i32.const 0))))
    (drop (call $make (i32.const 4) (i32.const 100) (i32.const 16)))
    (i32.store (i32.const 12) (i32.load (i32.const 20)))
    (drop (call $send_ports (i32.const 0) (i32.const 64) (i32.const 3) (i32.const 8) (i32.const 2)))
    (call $receive (i32.load (i32.const 16)) (i32.const 128) (i32.const 100)))`);

for (const engine of engines) {
  test.serial(`${engine}: a group moves to a thread that is idle, with all that is under way`, async (t) => {
    const pool = new Pool({ threads: 2, grace: 20 });
    t.teardown(() => pool.terminate());
    const release = await blocked(pool);
    const worlds = await Promise.all([World.of(pool, engine, 1), World.of(pool, engine, 1)]);
    const [first] = worlds.map(({ group }) => threadOf(group));
    t.deepEqual(
      worlds.map(({ group }) => threadOf(group)),
      [first, first],
    );
    release();
    await until(() => worlds.some(({ group }) => threadOf(group) !== first), 120_000);
    for (const world of worlds) await soon(world.check(t), 120_000);
    for (const world of worlds) await soon(world.end(t), 120_000);
  });

  test.serial(`${engine}: what has moved is saved and forked as what has not`, async (t) => {
    const pool = new Pool({ threads: 2, grace: 20 });
    t.teardown(() => pool.terminate());
    const release = await blocked(pool);
    const groups = await Promise.all(
      upTo(2).map(async () => {
        const group = pool.group({ engine, sliceFuel: 1000, identity: 'g' });
        const [into, back] = [await group.port({ name: 'in' }), await group.port({ name: 'out' })];
        await group.add('busy', { module: endless, export: 'main' });
        const ports = { in: into.receiver, out: back.sender };
        await group.add('mirror', { module: mirror, export: 'main', ports });
        void group.run().catch(() => {});
        return { group, into, back };
      }),
    );
    const before = threadOf((groups[0] as (typeof groups)[0]).group);
    release();
    await until(() => groups.some(({ group }) => threadOf(group) !== before), 120_000);
    for (const { group, into, back } of groups) {
      await into.sender.send(message(1));
      t.is(numberOf((await back.receiver.receive())?.bytes ?? message(-1)), 1);
      const fork = await group.fork();
      const saved = (await group.save()).encode();
      const resumed = pool.resumeGroup(saved, { engine: otherEngine(engine), modules: [mirror, endless] });
      for (const each of [fork, resumed]) {
        await each.cancel('busy');
        const run = each.run();
        await each.sender('in').send(message(2));
        each.sender('in').close();
        t.is(numberOf((await each.receiver('out').receive())?.bytes ?? message(-1)), 2);
        t.like(await soon(run, 120_000), { status: 'ended' });
        t.deepEqual(await each.member('mirror').result, [2]);
        each.dispose();
      }
      group.dispose();
    }
  });

  test.serial(`${engine}: rings come to their ends while other work pushes them about`, async (t) => {
    const random = new Random(engine === 'native' ? 21 : 22);
    const env = new RingService();
    await using pool = new Pool({ threads: 3, services: { env } });
    const groups = await Promise.all(
      upTo(9).map((i) => poolRing(pool, 5, { engine, sliceFuel: 300, identity: `ring ${i}` })),
    );
    // They have more to do than a slice.
    for (const [i, group] of groups.entries()) {
      const options = { module: arithmetic, export: 'count', args: [1_000_000 + 300_000 * i] };
      await group.add('counts', options);
    }
    const moves = countMoves(groups);
    const runs = groups.map((group) => returned(group));
    const over = Promise.all(runs);
    let isOver = false;
    void over.finally(() => {
      isOver = true;
    });
    while (!isOver) {
      const args = [random.below(300_000)];
      await Promise.all(
        upTo(random.below(4)).map(() => pool.submit({ module: arithmetic, export: 'count', args }).result),
      );
      await new Promise((resolve) => setTimeout(resolve, random.below(20)));
    }
    for (const [i, results] of (await over).entries())
      t.deepEqual(results, [...upTo(5).map(() => expected), [1_000_000 + 300_000 * i]]);
    t.is(new Set(env.calls).size, env.calls.length, 'a call was asked twice');
    t.is(env.calls.length, 9 * 5 * 4);
    t.log(`${moves.stop()} moves`);
    for (const group of groups) group.dispose();
  });

  test.serial(`${engine}: a member that comes while its group moves has what it imports`, async (t) => {
    const pool = new Pool({ threads: 2, grace: 20 });
    t.teardown(() => pool.terminate());
    const double = await moduleOf(
      '(func (export "double") (param i32) (result i32) (i32.add (local.get 0) (local.get 0)))',
    );
    const caller = await moduleOf(`(import "math" "double" (func $double (param i32) (result i32)))
      (import "env" "twice" (func $twice (param i32) (result i32)))
      (func (export "main") (param i32) (result i32) (call $double (call $twice (local.get 0))))`);
    for (let round = 0; round < 4; round++) {
      const release = await blocked(pool);
      const groups = upTo(3).map(() => pool.group({ engine, sliceFuel: 1000 }));
      for (const group of groups) {
        await group.add('busy', { module: endless, export: 'main' });
        await group.add('math', { module: double });
        void group.run().catch(() => {});
      }
      const before = groups.map(threadOf);
      release();
      // Whichever slice it is that moves a group.
      for (let i = 0; groups.every((group, at) => threadOf(group) === before[at]) || i < 10; i++) {
        const adding = groups.map((group) =>
          group.add(`caller ${i}`, { module: caller, export: 'main', args: [i], calls: { math: 'math' }, host }),
        );
        for (const member of await soon(Promise.all(adding), 120_000))
          t.deepEqual(await soon(member.result, 120_000), [4 * i]);
      }
      for (const group of groups) group.dispose();
    }
  });

  test.serial(`${engine}: fifty groups with jobs and programs beside them, and all end`, async (t) => {
    t.timeout(600_000);
    const env = new RingService();
    await using pool = new Pool({ threads: 2, services: { env } });
    const groups = await Promise.all(
      upTo(50).map((i) => poolRing(pool, 4, { engine, priority: (i % 5) - 2, sliceFuel: 500 })),
    );
    const jobs = upTo(30).map((i) => pool.submit({ module: arithmetic, export: 'count', args: [100_000 + i], engine }));
    const programs = upTo(4).map(() => runProgram('let n = 0; for (let i = 0; i < 5000; i++) n += i; n', { pool }));
    const results = await Promise.all(groups.map(returned));
    for (const result of results) t.deepEqual(result, [expected, expected, expected, expected]);
    t.deepEqual(
      await Promise.all(jobs.map(({ result }) => result)),
      upTo(30).map((i) => [100_000 + i]),
    );
    for (const program of await Promise.all(programs)) t.like(program, { status: 'done', value: 12_497_500 });
    for (const group of groups) group.dispose();
    t.is(inside(pool).places.size, 0);
  });

  test.serial(`${engine}: who has the higher priority has more slices, and the other one some`, async (t) => {
    const pool = new Pool({ threads: 1 });
    t.teardown(() => pool.terminate());
    const groups = [0, 3].map((priority) => pool.group({ engine, priority, sliceFuel: 500 }));
    for (const group of groups) await group.add('busy', { module: endless, export: 'main' });
    const slices = groups.map((group) => (group as unknown as { driver: { slices: number } }).driver);
    for (const group of groups) void group.run().catch(() => {});
    const before = slices.map((driver) => driver.slices);
    await until(() => slices.reduce((sum, driver) => sum + driver.slices, 0) > 60, 300_000);
    const [low = 0, high = 0] = slices.map((driver, i) => driver.slices - (before[i] ?? 0));
    t.true(low > 0 && high > 3 * low, `${low} and ${high}`);
  });
}

/** Looks where groups are, now and then. */
function countMoves(groups: readonly PoolGroup[]): { stop(): number } {
  let moves = 0;
  let before = groups.map(threadOf);
  const timer = setInterval(() => {
    const now = groups.map(threadOf);
    moves += now.filter((thread, i) => thread !== before[i]).length;
    before = now;
  }, 1);
  return {
    stop: () => {
      clearInterval(timer);
      return moves;
    },
  };
}

test.serial('a thread that keeps a group again is not told to drop it', async (t) => {
  await using pool = new Pool({ threads: 2 });
  await pool.ready();
  const { threads } = inside(pool);
  const [here = 0, there = 0] = threads.ids;
  // The books alone, without a thread that could tidy up meanwhile.
  threads.saved(here, 12_345);
  threads.saved(there, 12_345);
  threads.saved(here, 12_345);
  t.false(threads.threads.get(here)?.cold.includes(12_345));
  t.true(threads.threads.get(there)?.cold.includes(12_345));
  threads.forget(12_345);
  t.true(threads.threads.get(here)?.cold.includes(12_345));
});

test.serial('a program that goes on in the midst of groups', async (t) => {
  const env = new RingService();
  await using pool = new Pool({ threads: 1, services: { env } });
  const groups = await Promise.all(upTo(3).map(() => poolRing(pool, 4, { sliceFuel: 500 })));
  const runs = Promise.all(groups.map(returned));
  const tools = { wait: () => new Promise<number>((resolve) => setTimeout(() => resolve(3), 5)) };
  const program = await runProgram('wait() + wait()', { pool, tools: tools as never });
  t.like(program, { status: 'done', value: 6 });
  for (const results of await runs) t.deepEqual(results, [expected, expected, expected, expected]);
  for (const group of groups) group.dispose();
});
