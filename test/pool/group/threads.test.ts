// Groups whose members are on several threads of a pool at the same time: what they do is what they do on one; cut while they
// run, with messages on their way, they go on elsewhere with nothing lost, nothing twice, and each port in order.

import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { CancelledError, Pool } from '../../../src/pool/index.ts';
import { DeadlockError, PeerError } from '../../../src/talk/index.ts';
import { Random } from '../../fuzz/random.ts';
import { ranElsewhere } from '../../talk/elsewhere.ts';
import { moduleOf } from '../../wat.ts';
import {
  bytesOf,
  counter,
  endless,
  engines,
  expected,
  isWide,
  killThread,
  links,
  message,
  mirror,
  numberOf,
  numbersOf,
  otherEngine,
  poolRing,
  RingService,
  restoredRing,
  resultsOf,
  returned,
  script,
  sink,
  soon,
  talking,
  textOf,
  upTo,
  widthOf,
} from './guests.ts';

/** Cuts of a ring; more by WASBOX_CUTS. */
const cuts = Number(process.env.WASBOX_CUTS ?? 24);
const members = 100;
/** Every so many cuts, another process goes on. */
const elsewhere = 8;
const all = Array.from({ length: members }, () => expected);

for (const engine of engines) {
  test.serial(`${engine}: a ring of a hundred on two threads, cut at random moments`, async (t) => {
    t.timeout(600_000);
    const random = new Random(engine === 'native' ? 21 : 22);
    const env = new RingService();
    await using pool = new Pool({ threads: 2, services: { env } });
    let group = await poolRing(pool, members, { engine, threads: 2, sliceFuel: 1 + random.below(2000) });
    let [done, wide] = [0, 0];
    for (let of = engine; done < cuts; ) {
      const run = group.run();
      let isOver = false;
      const over = run.then(() => {
        isOver = true;
      });
      while (done < cuts && !isOver) {
        await sleep(random.below(12));
        if (widthOf(group) === 2) wide++;
        const bytes = (await group.save()).encode();
        done++;
        if (done % elsewhere === 1) t.deepEqual(await ranElsewhere(bytes, otherEngine(of)), all, `cut ${done}`);
        else if (random.chance(2)) {
          const one = await restoredRing(bytes, { engine: otherEngine(of) });
          t.deepEqual(await resultsOf(one), all, `cut ${done}`);
        } else {
          const resumed = pool.resumeGroup(bytes, { engine: otherEngine(of), threads: 2, modules: [await links] });
          // Either goes on.
          if (random.chance(2)) t.deepEqual(await soon(returned(resumed), 60_000), all, `cut ${done}`);
          else {
            group.dispose();
            await run.catch(() => {});
            group = resumed;
            of = otherEngine(of);
            break;
          }
          resumed.dispose();
        }
      }
      await over.catch(() => {});
      if (!isOver) continue;
      t.deepEqual(await returned(group), all);
      group.dispose();
      group = await poolRing(pool, members, { engine, threads: 2, sliceFuel: 1 + random.below(2000) });
    }
    group.dispose();
    t.true(wide > 0);
  });

  test.serial(`${engine}: threads that die cost a ring on two of them nothing`, async (t) => {
    t.timeout(600_000);
    const random = new Random(23);
    const env = new RingService();
    const pool = new Pool({ threads: 2, services: { env } });
    t.teardown(() => pool.terminate());
    const options = { engine, threads: 2, sliceFuel: 300, onCrash: 'retry', identity: 'ring' } as const;
    const group = await poolRing(pool, members, options);
    let isOver = false;
    const run = returned(group).finally(() => {
      isOver = true;
    });
    run.catch(() => {});
    let wide = 0;
    for (let kills = 0; kills < 8 && !isOver; kills++) {
      await sleep(30 + random.below(60));
      if (widthOf(group) === 2) wide++;
      killThread(pool, (ids) => random.pick(ids));
    }
    t.deepEqual(await soon(run, 300_000), all);
    t.is(new Set(env.calls).size, env.calls.length, 'a call was asked twice');
    t.is(env.calls.length, members * 4);
    t.true(wide > 0);
  });

  test.serial(`${engine}: a stream from one thread to another, saved while it flows`, async (t) => {
    await using pool = new Pool({ threads: 2 });
    const count = 40_000;
    const group = pool.group({ engine, threads: 2, sliceFuel: 100_000 });
    const [between, out] = [await group.port({ messages: 1000 }), await group.port({ name: 'out', bytes: 2 ** 20 })];
    await group.add('counter', {
      ...{ module: counter, export: 'main', args: [0, count] },
      ports: { out: between.sender },
    });
    await group.add('sink', { module: sink, export: 'main', ports: { in: between.receiver, out: out.sender } });
    const run = group.run();
    await isWide(group);
    const saved = [];
    for (let i = 0; i < 6; i++) {
      saved.push((await group.save()).encode());
      await sleep(3);
    }
    t.deepEqual(numbersOf((await soon(out.receiver.receive()))?.bytes ?? bytesOf('')), upTo(count));
    t.like(await run, { status: 'ended' });
    for (const bytes of saved) {
      const resumed = pool.resumeGroup(bytes, { engine: otherEngine(engine), threads: 2, modules: [counter, sink] });
      const going = resumed.run();
      const got = await soon(resumed.receiver('out').receive(), 60_000);
      t.deepEqual(numbersOf(got?.bytes ?? bytesOf('')), upTo(count));
      t.like(await going, { status: 'ended' });
      resumed.dispose();
    }
    const suspended = pool.group({ engine, threads: 2 });
    suspended.dispose();
  });

  test.serial(`${engine}: messages of all sizes that a port takes, each way, all told apart`, async (t) => {
    await using pool = new Pool({ threads: 2 });
    const group = pool.group({ engine, threads: 2 });
    const most = 60_000;
    const [into, between, back] = [await group.port(), await group.port({ bytes: most }), await group.port()];
    const ports = { in: into.receiver, out: between.sender };
    await group.add('one', { module: mirror, export: 'main', ports });
    await group.add('two', { module: mirror, export: 'main', ports: { in: between.receiver, out: back.sender } });
    const run = group.run();
    await isWide(group);
    const random = new Random(9);
    const sizes = upTo(300).map(() =>
      random.pick([4, 5, 63, 64, 1000, most - random.below(5), random.below(most) + 4]),
    );
    const sent = Promise.all(sizes.map((size, i) => into.sender.send(message(i, Math.max(4, size)))));
    into.sender.close();
    let count = 0;
    for await (const { bytes } of back.receiver) {
      const size = Math.max(4, sizes[count] ?? 0);
      t.true(numberOf(bytes) === count && bytes.length === size && bytes.at(-1) === message(count, size).at(-1));
      count++;
    }
    await sent;
    t.is(count, sizes.length);
    t.is(widthOf(group), 2);
    t.like(await run, { status: 'ended' });
  });

  test.serial(
    `${engine}: a port that both threads send to gets all that each sends, in order, within its bounds`,
    async (t) => {
      await using pool = new Pool({ threads: 2 });
      const group = pool.group({ engine, threads: 2 });
      const [port, out] = [await group.port({ messages: 2 }), await group.port({ bytes: 2 ** 17 })];
      const each = 3000;
      for (const i of upTo(4))
        await group.add(`counter ${i}`, {
          ...{ module: counter, export: 'main', args: [i * 1e6, each] },
          ports: { out: port.sender.clone() },
        });
      port.sender.close();
      await group.add('sink', { module: sink, export: 'main', ports: { in: port.receiver, out: out.sender } });
      const run = group.run();
      await isWide(group);
      // What is more than a port holds is refused.
      const data = (await group.save()).encode();
      t.true(data.length > 0);
      const numbers = numbersOf((await soon(out.receiver.receive(), 60_000))?.bytes ?? bytesOf(''));
      for (const i of upTo(4))
        t.deepEqual(
          numbers.filter((n) => Math.floor(n / 1e6) === i),
          upTo(each).map((n) => i * 1e6 + n),
        );
      t.is(numbers.length, 4 * each);
      t.like(await run, { status: 'ended' });
    },
  );

  test.serial(`${engine}: who shuts a port, and who receives no more, is heard on the other thread`, async (t) => {
    await using pool = new Pool({ threads: 2 });
    const group = pool.group({ engine, threads: 2 });
    const [a, b, go] = [await group.port({ messages: 3 }), await group.port({ messages: 3 }), await group.port()];
    // Receives two, and leaves; the other one sends until it is told.
    const few = await script(['receive 0 0 100', 'receive 0 0 100']);
    await group.add('few', { module: few, export: 'main', ports: { in: a.receiver } });
    const counts = await group.add('counts', {
      ...{ module: counter, export: 'main', args: [0, 1e9] },
      ports: { out: a.sender },
    });
    // Sends one, and shuts it; the other one gets that, and then hears of it.
    const shuts = await script(['receive 2 0 100', 'store 8 7', 'send 0 8 4', 'shut 0 8 0']);
    const hears = await script(['receive 0 0 100', 'receive 0 0 100', 'receive 0 0 100']);
    await group.add('shuts', {
      ...{ module: shuts, export: 'main' },
      ports: { b: b.sender, own: b.sender.clone(), go: go.receiver },
    });
    const heard = await group.add('hears', { module: hears, export: 'main', ports: { in: b.receiver } });
    const run = group.run();
    await isWide(group);
    t.deepEqual(await soon(counts.result), [-1]);
    await go.sender.send(bytesOf('go'));
    t.deepEqual(await soon(heard.result), [4, -1, -1]);
    t.like(await soon(run), { status: 'ended' });
  });

  test.serial(
    `${engine}: a member that ends or is cancelled closes its ports for those on the other thread`,
    async (t) => {
      await using pool = new Pool({ threads: 2 });
      const group = pool.group({ engine, threads: 2 });
      const [a, b] = [await group.port(), await group.port()];
      const busy = await moduleOf(`${talking} (memory 1)
      (func (export "main") (loop $l (drop (call $try_receive (i32.const 0) (i32.const 0) (i32.const 4))) (br $l)))`);
      await group.add('busy', { module: busy, export: 'main', ports: { in: a.receiver, out: b.sender } });
      const waits = await group.add('waits', {
        ...{ module: await script(['receive 0 0 4', 'send 1 0 4']), export: 'main' },
        ports: { in: b.receiver, out: a.sender },
      });
      const run = group.run();
      await isWide(group);
      await group.cancel('busy', 'enough');
      t.deepEqual(await soon(waits.result), [-1, -1]);
      await t.throwsAsync(group.member('busy').result, { instanceOf: PeerError, message: 'enough' });
      t.like(await soon(run), { status: 'ended' });
    },
  );

  test.serial(`${engine}: ends that go along with a message to the other thread arrive`, async (t) => {
    await using pool = new Pool({ threads: 2 });
    const group = pool.group({ engine, threads: 2 });
    const [to, out, hold] = [await group.port(), await group.port(), await group.port()];
    // It does not import what sends ends until it has one of a port that is elsewhere.
    const gives = await moduleOf(`${talking} (memory 1) (func (export "main") (result i32)
      (drop (call $receive (i32.const 1) (i32.const 0) (i32.const 4)))
      (drop (call $make (i32.const 4) (i32.const 100) (i32.const 0)))
      (drop (call $send_ports (i32.const 0) (i32.const 64) (i32.const 3) (i32.const 0) (i32.const 1)))
      (call $send (i32.load (i32.const 4)) (i32.const 64) (i32.const 5)))`);
    const takes = await moduleOf(`${talking} (memory 1) (func (export "main") (result i32)
      (drop (call $receive_ports (i32.const 0) (i32.const 64) (i32.const 100) (i32.const 0) (i32.const 4) (i32.const 32)))
      (call $send (i32.const 1) (i32.const 0)
        (call $receive (i32.load (i32.const 0)) (i32.const 64) (i32.const 100))))`);
    const ports = { to: to.sender, hold: hold.receiver };
    const gave = await group.add('gives', { module: gives, export: 'main', ports });
    await group.add('takes', { module: takes, export: 'main', ports: { in: to.receiver, out: out.sender } });
    await group.add('other', { module: endless, export: 'main' });
    const run = group.run();
    await isWide(group);
    await hold.sender.send(bytesOf('go'));
    t.is((await soon(out.receiver.receive()))?.bytes.length, 5);
    t.deepEqual(await soon(gave.result), [0]);
    await group.cancel('other');
    t.like(await soon(run), { status: 'ended' });
  });

  test.serial(`${engine}: what the host adds while they run, and what it sends along`, async (t) => {
    await using pool = new Pool({ threads: 2 });
    const group = pool.group({ engine, threads: 2 });
    for (const i of upTo(2)) await group.add(`busy ${i}`, { module: endless, export: 'main' });
    const run = group.run();
    run.catch(() => {});
    await isWide(group);
    for (const i of upTo(3)) {
      const [into, back] = [await group.port({ name: `in ${i}` }), await group.port()];
      const module = await script(['receive 0 0 100', 'send 1 0 3']);
      await group.add(`echo ${i}`, { module, export: 'main', ports: { in: into.receiver, out: back.sender } });
      await into.sender.send(bytesOf('yes'));
      t.is(textOf((await soon(back.receiver.receive()))?.bytes ?? bytesOf('')), 'yes');
      await isWide(group);
    }
    await t.throwsAsync(group.port({ name: 'in 1' }), { message: /there is a port "in 1" already/ }).catch(() => {});
    const forked = await group.fork();
    const copy = forked.run();
    await isWide(forked);
    for (const each of [group, forked]) for (const i of upTo(2)) await each.cancel(`busy ${i}`);
    t.like(await soon(copy), { status: 'ended' });
    t.like(await soon(run), { status: 'ended' });
    forked.dispose();
    group.dispose();
    await t.throwsAsync(group.run(), { instanceOf: CancelledError });
  });

  test.serial(`${engine}: members on two threads that wait for each other are told`, async (t) => {
    await using pool = new Pool({ threads: 2 });
    const group = pool.group({ engine, threads: 2 });
    const [a, b] = [await group.port(), await group.port()];
    const waits = await script(['receive 0 0 4', 'send 1 0 4']);
    await group.add('one', { module: waits, export: 'main', ports: { in: a.receiver, out: b.sender } });
    await group.add('two', { module: waits, export: 'main', ports: { in: b.receiver, out: a.sender } });
    for (const end of [a, b]) for (const each of [end.sender, end.receiver]) each.close();
    const error = await t.throwsAsync(soon(group.run()), { instanceOf: DeadlockError });
    t.deepEqual(error?.members.toSorted(), ['one', 'two']);
    group.dispose();
    // One that could be ended by the host waits, and can be.
    const open = pool.group({ engine, threads: 2 });
    const [c, d] = [await open.port(), await open.port()];
    const one = await open.add('one', { module: waits, export: 'main', ports: { in: c.receiver, out: d.sender } });
    await open.add('two', { module: waits, export: 'main', ports: { in: d.receiver, out: c.sender.clone() } });
    const run = open.run();
    await isWide(open);
    await sleep(30);
    await c.sender.send(bytesOf('four'));
    t.deepEqual(await soon(one.result), [4, 0]);
    t.like(await soon(run), { status: 'ended' });
  });

  test.serial(`${engine}: where one fails all end, on both threads`, async (t) => {
    await using pool = new Pool({ threads: 2 });
    const group = pool.group({ engine, threads: 2, onFailure: 'end' });
    const { sender, receiver } = await group.port();
    const fails = await moduleOf(`${talking} (memory 1) (func (export "main")
      (drop (call $receive (i32.const 0) (i32.const 0) (i32.const 4))) unreachable)`);
    await group.add('fails', { module: fails, export: 'main', ports: { in: receiver } });
    const busy = await group.add('busy', { module: endless, export: 'main' });
    const run = group.run();
    await isWide(group);
    await sender.send(bytesOf('now'));
    const error = await t.throwsAsync(soon(busy.result), { instanceOf: PeerError });
    t.regex(String((error?.cause as Error | undefined)?.message), /unreachable/);
    t.like(await soon(run), { status: 'ended' });
  });

  test.serial(`${engine}: topics and calls work among members that are kept together`, async (t) => {
    await using pool = new Pool({ threads: 2 });
    const group = pool.group({ engine, threads: 2 });
    const news = await group.subscribe('news');
    const go = await group.port();
    const publishes = await moduleOf(`(import "wasbox" "publish" (func $publish (param i32 i32 i32 i32) (result i32)))
      (import "wasbox" "receive" (func $receive (param i32 i32 i32) (result i32)))
      (memory 1) (data (i32.const 0) "news")
      (func (export "main") (result i32) (drop (call $receive (i32.const 0) (i32.const 64) (i32.const 4)))
        (call $publish (i32.const 0) (i32.const 4) (i32.const 0) (i32.const 4)))`);
    const double = await moduleOf(
      '(func (export "double") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))',
    );
    const asks = await moduleOf(`(import "math" "double" (func $double (param i32) (result i32)))
      (func (export "main") (result i32) (call $double (call $double (i32.const 5))))`);
    const told = await group.add('publishes', { module: publishes, export: 'main', ports: { go: go.receiver } });
    await group.add('math', { module: double });
    const asked = await group.add('asks', { module: asks, export: 'main', calls: { math: 'math' } });
    const run = group.run();
    t.deepEqual(await soon(asked.result), [20]);
    await go.sender.send(bytesOf('go'));
    t.is(textOf((await soon(news.receive()))?.bytes ?? bytesOf('')), 'news');
    t.deepEqual(await soon(told.result), [1]);
    t.like(await soon(run), { status: 'ended' });
  });

  test.serial(`${engine}: what a group may have it has once, on both threads together`, async (t) => {
    await using pool = new Pool({ threads: 2 });
    const group = pool.group({ engine, threads: 2, limits: { ports: 60 } });
    const hold = await group.port();
    // Makes ports until it may not any more, tells how many, and keeps them.
    const makes = await moduleOf(`${talking} (memory 1) (func (export "main") (result i32) (local $count i32)
      (loop $more (if (i32.eqz (call $make (i32.const 1) (i32.const 10) (i32.const 0))) (then
        (local.set $count (i32.add (local.get $count) (i32.const 1))) (br $more))))
      (i32.store (i32.const 0) (local.get $count))
      (drop (call $send (i32.const 0) (i32.const 0) (i32.const 4)))
      (call $receive (i32.const 1) (i32.const 0) (i32.const 4)))`);
    const outs = await Promise.all(upTo(2).map(() => group.port()));
    for (const [i, { sender }] of outs.entries())
      await group.add(`makes ${i}`, {
        ...{ module: makes, export: 'main' },
        ports: { out: sender, hold: (await group.port({ name: `hold ${i}` })).receiver },
      });
    const run = group.run();
    const counts = await Promise.all(
      outs.map(async ({ receiver }) => numberOf((await receiver.receive())?.bytes ?? message(-1))),
    );
    // Those that the host has made count, too; and it can make none.
    t.is((counts[0] ?? 0) + (counts[1] ?? 0), 60 - 5);
    await t.throwsAsync(group.port(), { message: /60 ports/ });
    hold.receiver.close();
    group.dispose();
    await t.throwsAsync(run, { instanceOf: CancelledError });
  });

  test.serial(`${engine}: more parts than the pool has threads come to their end`, async (t) => {
    await using pool = new Pool({ threads: 1, services: { env: new RingService() } });
    const group = await poolRing(pool, 12, { engine, threads: 4, sliceFuel: 500 });
    t.deepEqual(await soon(returned(group), 120_000), all.slice(0, 12));
  });
}
