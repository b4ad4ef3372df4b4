// Messages between a host and a group on a pool: many at once, given up at random, saved while they flow. What was sent is
// received, once, in order.

import { setImmediate as later, setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { UsageError } from '../../../src/index.ts';
import { CancelledError, Pool, type PoolGroup, type PoolReceiver, type PoolSender } from '../../../src/pool/index.ts';
import { ClosedError } from '../../../src/talk/index.ts';
import { Random } from '../../fuzz/random.ts';
import {
  bytesOf,
  counter,
  type Engine,
  engines,
  message,
  mirror,
  numberOf,
  numbersOf,
  otherEngine,
  script,
  sink,
  soon,
  textOf,
  underWay,
  upTo,
} from './guests.ts';

/** One after the other: each test has it for itself. */
const pool = new Pool({ threads: 2 });
test.after.always(() => pool.terminate());

/** Some of what there is to wait for, so that what comes after is at any moment. */
const aMoment = async (random: Random): Promise<void> => {
  switch (random.below(4)) {
    case 0:
      return;
    case 1:
      for (let i = random.below(10); i > 0; i--) await undefined;
      return;
    case 2:
      return later();
    default:
      await sleep(random.below(4));
  }
};

const options = (engine: Engine) => ({ engine, sliceFuel: 2000 });

/** A mirror, and the host's ends before and behind it. */
async function mirrored(group: PoolGroup, bounds: { messages: number; bytes: number }) {
  const [into, back] = [await group.port({ ...bounds, name: 'in' }), await group.port({ ...bounds, name: 'out' })];
  const ports = { in: into.receiver, out: back.sender };
  const member = await group.add('mirror', { module: mirror, export: 'main', ports });
  return { sender: into.sender, receiver: back.receiver, member };
}

async function numbersFrom(receiver: PoolReceiver): Promise<number[]> {
  const got: number[] = [];
  for await (const { bytes } of receiver) got.push(numberOf(bytes));
  return got;
}

for (const engine of engines) {
  test.serial(`${engine}: thousands of messages each way, of all sizes that ports take`, async (t) => {
    using group = pool.group(options(engine));
    const most = 5000;
    const { sender, receiver, member } = await mirrored(group, { messages: 6, bytes: most });
    const run = group.run();
    const random = new Random(3);
    const sizes = Array.from({ length: 3000 }, () => random.pick([4, 4, 60, 1000, most - random.below(3)]));
    const sending = (async () => {
      for (let i = 0; i < sizes.length; i += 10)
        await Promise.all(sizes.slice(i, i + 10).map((size, at) => sender.send(message(i + at, size))));
      sender.close();
    })();
    let count = 0;
    for await (const { bytes } of receiver) {
      if (numberOf(bytes) !== count || bytes.length !== sizes[count] || (bytes.at(-1) ?? 0) !== (bytes[4] ?? bytes[3]))
        t.fail(`message ${count} is ${numberOf(bytes)}, of ${bytes.length} bytes`);
      count++;
    }
    await sending;
    t.is(count, sizes.length);
    t.deepEqual(await member.result, [sizes.length]);
    t.like(await run, { status: 'ended' });
  });

  test.serial(`${engine}: however many are sent at once, all are sent`, async (t) => {
    using group = pool.group(options(engine));
    // Nobody runs or receives.
    const wide = await group.port({ messages: 1000 });
    await soon(Promise.all(upTo(300).map((i) => wide.sender.send(message(i)))), 20_000);
    const { sender, receiver } = await mirrored(group, { messages: 200, bytes: 2 ** 22 });
    // More than goes with one slice, by number and by bytes.
    const run = group.run();
    const got = numbersFrom(receiver);
    const large = upTo(400).map((i) => sender.send(message(i, i % 2 === 0 ? 60_000 : 4)));
    sender.close();
    await soon(Promise.all(large), 20_000);
    t.deepEqual(await soon(got, 20_000), upTo(400));
    t.like(await run, { status: 'ended' });
  });

  test.serial(`${engine}: who closes at once has sent what was sent before`, async (t) => {
    using group = pool.group(options(engine));
    const { sender, receiver, member } = await mirrored(group, { messages: 3, bytes: 100 });
    const run = group.run();
    await sender.send(message(0));
    const got = numbersFrom(receiver);
    await sleep(20);
    const sent = upTo(3).map((i) => sender.send(message(i + 1)));
    sender.close();
    await Promise.all(sent);
    t.deepEqual(await soon(got, 5000), upTo(4));
    t.deepEqual(await member.result, [4]);
    t.like(await run, { status: 'ended' });
  });

  test.serial(`${engine}: several receivers of one port on the host share what comes, each in order`, async (t) => {
    using group = pool.group(options(engine));
    const { sender, receiver } = await group.port({ messages: 5 });
    for (const i of upTo(3)) {
      const ports = { out: sender.clone() };
      await group.add(`from ${i}`, { module: counter, export: 'main', args: [i * 10_000, 400], ports });
    }
    sender.close();
    const all = [receiver, ...upTo(3).map(() => receiver.clone())].map(numbersFrom);
    const run = group.run();
    const got = await soon(Promise.all(all), 120_000);
    t.like(await run, { status: 'ended' });
    const expected = upTo(3).flatMap((i) => upTo(400).map((n) => i * 10_000 + n));
    t.deepEqual(
      got.flat().sort((a, b) => a - b),
      expected,
    );
    for (const numbers of got)
      for (const i of upTo(3)) {
        const ofOne = numbers.filter((n) => Math.floor(n / 10_000) === i);
        t.deepEqual(
          ofOne,
          ofOne.toSorted((a, b) => a - b),
        );
      }
  });

  test.serial(
    `${engine}: one who gives up receiving at random moments loses nothing, and has all in order`,
    async (t) => {
      using group = pool.group(options(engine));
      const { sender, receiver } = await group.port({ messages: 3 });
      await group.add('counter', { module: counter, export: 'main', args: [0, 500], ports: { out: sender } });
      const run = group.run();
      const random = new Random(engine === 'native' ? 8 : 9);
      const got: number[] = [];
      for (let isOver = false, given = 0; !isOver; ) {
        const controller = new AbortController();
        const receiving = receiver.receive({ signal: controller.signal });
        void aMoment(random).then(() => controller.abort('enough'));
        try {
          const received = await soon(receiving);
          if (received === undefined) isOver = true;
          else got.push(numberOf(received.bytes));
        } catch (error) {
          if (error !== 'enough') throw error;
          given++;
        }
        if (isOver) t.true(given > 10, `only ${given} were given up`);
      }
      t.deepEqual(got, upTo(500));
      t.like(await run, { status: 'ended' });
    },
  );

  test.serial(`${engine}: several who give up receiving at random moments lose nothing together`, async (t) => {
    using group = pool.group(options(engine));
    const { sender, receiver } = await group.port({ messages: 3 });
    await group.add('counter', { module: counter, export: 'main', args: [0, 300], ports: { out: sender } });
    const run = group.run();
    const random = new Random(10);
    const taking = async (from: PoolReceiver, isLast: boolean): Promise<number[]> => {
      const got: number[] = [];
      for (let i = 0; isLast || i < 60; i++) {
        const controller = new AbortController();
        // The last one is patient now and then, so that somebody has to hand it what others have given up.
        if (!isLast || random.chance(2)) void aMoment(random).then(() => controller.abort('enough'));
        const received = await from.receive({ signal: controller.signal }).catch((error: unknown) => {
          if (error !== 'enough') throw error;
          return 'given up' as const;
        });
        if (received === undefined) break;
        if (received !== 'given up') got.push(numberOf(received.bytes));
      }
      return got;
    };
    const all = [taking(receiver.clone(), false), taking(receiver.clone(), false), taking(receiver, true)];
    const got = await soon(Promise.all(all), 20_000);
    t.deepEqual(
      got.flat().sort((a, b) => a - b),
      upTo(300),
    );
    t.like(await run, { status: 'ended' });
  });

  test.serial(`${engine}: what one gives up that was on its way is for another who waits`, async (t) => {
    using group = pool.group(options(engine));
    const { sender, receiver } = await group.port();
    const other = receiver.clone();
    await sender.send(bytesOf('one'));
    const controller = new AbortController();
    const first = receiver.receive({ signal: controller.signal });
    const second = other.receive();
    await underWay(pool);
    controller.abort('enough');
    await t.throwsAsync(first, { any: true });
    t.is(textOf((await soon(second, 20_000))?.bytes ?? bytesOf('')), 'one');
  });

  test.serial(`${engine}: what several give up that was on its way is there again in its order`, async (t) => {
    using group = pool.group(options(engine));
    const { sender, receiver } = await group.port();
    const ends = [receiver, receiver.clone(), receiver.clone()];
    for (const i of upTo(6)) await sender.send(message(i));
    const controller = new AbortController();
    const receiving = ends.flatMap((end) => [end, end].map((each) => each.receive({ signal: controller.signal })));
    await underWay(pool);
    controller.abort('enough');
    for (const each of receiving) await t.throwsAsync(each, { any: true });
    for (const i of upTo(6)) t.is(numberOf((await soon(receiver.receive()))?.bytes ?? message(-1)), i);
  });

  test.serial(`${engine}: what was on its way to an end that is closed is for the others`, async (t) => {
    using group = pool.group(options(engine));
    const [{ sender, receiver }, along] = [await group.port(), await group.port()];
    const other = receiver.clone();
    await sender.send(bytesOf('one'), { ports: [along.sender] });
    const first = receiver.receive();
    await underWay(pool);
    receiver.close();
    await t.throwsAsync(first, { instanceOf: UsageError });
    const received = await soon(other.receive(), 20_000);
    t.is(textOf(received?.bytes ?? bytesOf('')), 'one');
    const [end] = received?.ports ?? [];
    await (end as PoolSender).send(bytesOf('two'));
    t.is(textOf((await along.receiver.receive())?.bytes ?? bytesOf('')), 'two');
  });

  test.serial(`${engine}: what was on its way to an end that is given to a member is the member's`, async (t) => {
    using group = pool.group(options(engine));
    const { sender, receiver } = await group.port();
    await sender.send(bytesOf('one'));
    await sender.send(bytesOf('two!'));
    const controller = new AbortController();
    const first = receiver.receive({ signal: controller.signal });
    await underWay(pool);
    controller.abort('enough');
    await t.throwsAsync(first, { any: true });
    const module = await script(['receive 0 0 10', 'receive 0 0 10']);
    const member = await group.add('m', { module, export: 'main', ports: { in: receiver } });
    sender.close();
    await soon(group.run(), 20_000);
    t.deepEqual(await member.result, [3, 4]);
  });

  test.serial(`${engine}: who waits at an end that is given away is told, and nobody else`, async (t) => {
    using group = pool.group(options(engine));
    const [a, b, c] = [await group.port(), await group.port(), await group.port()];
    const waiting = [a.receiver.receive(), b.receiver.receive()];
    const sent = c.sender.send(bytesOf('x'), { ports: [a.receiver] });
    const module = await script(['receive 0 0 10']);
    const added = group.add('m', { module, export: 'main', ports: { in: b.receiver } });
    for (const each of waiting)
      await t.throwsAsync(soon(each, 5000), { instanceOf: UsageError, message: /given away/ });
    await sent;
    await b.sender.send(bytesOf('yes'));
    await group.run();
    t.deepEqual(await (await added).result, [3]);
    t.is((await c.receiver.receive())?.ports.length, 1);
  });

  test.serial(`${engine}: sent is received once, given up never is, whenever one gives up sending`, async (t) => {
    using group = pool.group(options(engine));
    const { sender, receiver } = await mirrored(group, { messages: 2, bytes: 400 });
    const run = group.run();
    const got = numbersFrom(receiver);
    const random = new Random(engine === 'native' ? 11 : 12);
    const sent: number[] = [];
    const given: number[] = [];
    const sending: Promise<void>[] = [];
    for (const i of upTo(500)) {
      const controller = new AbortController();
      const sends = sender.send(message(i, 4 + random.below(300)), { signal: controller.signal });
      sending.push(
        sends.then(
          () => void sent.push(i),
          (error: unknown) => {
            if (error !== 'enough') throw error;
            given.push(i);
          },
        ),
      );
      if (random.chance(2)) void aMoment(random).then(() => controller.abort('enough'));
      if (random.chance(3)) await aMoment(random);
      if (i % 20 === 19) await Promise.all(sending);
    }
    await soon(Promise.all(sending));
    sender.close();
    t.deepEqual(await soon(got), sent);
    t.deepEqual(
      sent,
      sent.toSorted((a, b) => a - b),
    );
    t.is(sent.length + given.length, 500);
    t.true(given.length > 10, `only ${given.length} were given up`);
    t.like(await run, { status: 'ended' });
  });

  test.serial(
    `${engine}: a snapshot has all that was sent before, and what it has it has once, in order`,
    async (t) => {
      const { cuts, isThere } = await savedWhileSending(engine);
      t.true(cuts.length >= 8);
      for (const { list, sent } of cuts) {
        t.deepEqual(list, upTo(list.length));
        t.true(list.length >= sent, `${sent} were sent, and ${list.length} are there`);
      }
      t.deepEqual(isThere, upTo(400));
    },
  );

  test.serial(`${engine}: a snapshot has nothing that is sent after it was asked for`, async (t) => {
    const { cuts } = await savedWhileSending(engine);
    for (const { list, asked } of cuts)
      t.true(list.length <= asked, `${asked} were asked for, ${list.length} are there`);
    using group = pool.group(options(engine));
    const { sender } = await group.port();
    const saved = group.save();
    const late = sender.send(bytesOf('late'));
    t.deepEqual((await saved).data.ports[0]?.queue, []);
    await late;
  });

  test.serial(`${engine}: what is given up while a group is suspended stays in it`, async (t) => {
    using group = pool.group(options(engine));
    const { sender, receiver } = await group.port({ name: 'p' });
    await sender.send(bytesOf('one'));
    const controller = new AbortController();
    const received = receiver.receive({ signal: controller.signal });
    const suspended = group.suspend();
    await underWay(pool);
    controller.abort('enough');
    await t.throwsAsync(received, { any: true });
    using resumed = pool.resumeGroup(await suspended);
    t.is(textOf((await soon(resumed.receiver('p').receive(), 20_000))?.bytes ?? bytesOf('')), 'one');
  });

  test.serial(`${engine}: a full port that something is put back into can be saved`, async (t) => {
    using group = pool.group(options(engine));
    const { sender, receiver } = await group.port({ messages: 1, name: 'p' });
    await group.add('counter', { module: counter, export: 'main', args: [0, 1000], ports: { out: sender } });
    const run = group.run();
    const random = new Random(13);
    let got = 0;
    for (let i = 0; i < 60; i++) {
      const controller = new AbortController();
      const receiving = receiver.receive({ signal: controller.signal });
      await underWay(pool);
      const saved = random.chance(2) ? group.save() : undefined;
      if (random.chance(2)) controller.abort('enough');
      const received = await soon(receiving).catch(() => undefined);
      if (received !== undefined) t.is(numberOf(received.bytes), got++);
      await t.notThrowsAsync(soon(Promise.all([saved, group.save()])));
    }
    receiver.close();
    t.like(await run, { status: 'ended' });
  });
}

/** Numbers sent to a sink, which is saved at random moments, what it has then; and what is there at last. */
async function savedWhileSending(engine: Engine) {
  using group = pool.group(options(engine));
  const [into, back] = [await group.port({ name: 'in', messages: 4 }), await group.port({ name: 'out' })];
  const ports = { in: into.receiver, out: back.sender };
  await group.add('sink', { module: sink, export: 'main', ports });
  const run = group.run();
  const random = new Random(engine === 'native' ? 14 : 15);
  let [sent, asked] = [0, 0];
  const sending: Promise<void>[] = [];
  const saving: Promise<{ list: readonly number[]; sent: number; asked: number }>[] = [];
  const cut = async () => {
    const before = { sent, asked };
    const saved = await group.save();
    const resumed = pool.resumeGroup(saved, { engine: otherEngine(engine), modules: [sink] });
    resumed.sender('in').close();
    const running = resumed.run();
    const list = numbersOf((await resumed.receiver('out').receive())?.bytes ?? bytesOf(''));
    await running;
    resumed.dispose();
    return { list, ...before };
  };
  for (const i of upTo(400)) {
    asked = i + 1;
    sending.push(
      into.sender.send(message(i)).then(() => {
        sent = i + 1;
      }),
    );
    if (random.chance(4)) await aMoment(random);
    if (i % 40 === 7) saving.push(cut());
    if (i % 30 === 29) await soon(Promise.all(sending));
  }
  await soon(Promise.all(sending));
  into.sender.close();
  const isThere = numbersOf((await soon(back.receiver.receive()))?.bytes ?? bytesOf(''));
  await run;
  return { cuts: await soon(Promise.all(saving)), isThere };
}

test.serial('an end that did not go along with a message is used as before', async (t) => {
  using group = pool.group();
  using other = pool.group();
  const [to, along] = [await group.port({ messages: 1, bytes: 10 }), await group.port()];
  const closed = await group.port();
  closed.receiver.close();
  const foreign = await other.port();
  const clones = upTo(17).map(() => along.sender.clone());
  const ports = [along.sender];
  await t.throwsAsync(closed.sender.send(bytesOf('x'), { ports }), { instanceOf: ClosedError });
  await t.throwsAsync(to.sender.send(new Uint8Array(11), { ports }), { instanceOf: UsageError, message: /11 bytes/ });
  await t.throwsAsync(to.sender.send(bytesOf('x'), { ports: clones }), { instanceOf: UsageError, message: /16/ });
  await t.throwsAsync(to.sender.send(bytesOf('x'), { ports: [along.sender, foreign.sender] }), {
    instanceOf: UsageError,
    message: /another group/,
  });
  await t.throwsAsync(to.sender.send(bytesOf('x'), { ports: [along.sender, along.sender] }), {
    instanceOf: UsageError,
  });
  await to.sender.send(bytesOf('full'));
  const controller = new AbortController();
  const waits = to.sender.send(bytesOf('x'), { ports, signal: controller.signal });
  t.throws(() => along.sender.clone(), { instanceOf: UsageError });
  await sleep(10);
  controller.abort(new Error('enough'));
  await t.throwsAsync(waits, { message: 'enough' });
  for (const each of [along.sender, ...clones]) await each.send(bytesOf('here'));
  await foreign.sender.send(bytesOf('here'));
  t.is(textOf((await to.receiver.receive())?.bytes ?? bytesOf('')), 'full');
  await to.sender.send(bytesOf('x'), { ports });
  t.throws(() => along.sender.clone(), { instanceOf: UsageError });
  const [sender] = (await to.receiver.receive())?.ports ?? [];
  await (sender as PoolSender).send(bytesOf('last'));
  const got: string[] = [];
  for (let i = 0; i < 19; i++) got.push(textOf((await along.receiver.receive())?.bytes ?? bytesOf('')));
  t.deepEqual(got, [...upTo(18).map(() => 'here'), 'last']);
});

test.serial('who waits for room is told where the port closes, and has its ends back', async (t) => {
  using group = pool.group();
  const [{ sender, receiver }, along] = [await group.port({ messages: 1 }), await group.port()];
  await sender.send(bytesOf('full'));
  const waiting = [sender.send(bytesOf('x')), sender.send(bytesOf('y'), { ports: [along.sender] })];
  await sleep(10);
  receiver.close('no more');
  for (const each of waiting) await t.throwsAsync(soon(each), { instanceOf: ClosedError, message: /no more/ });
  await along.sender.send(bytesOf('still here'));
  t.is(textOf((await along.receiver.receive())?.bytes ?? bytesOf('')), 'still here');
});

test.serial('all that waits is told where the group ends', async (t) => {
  const group = pool.group();
  const [{ sender, receiver }, along] = [await group.port({ messages: 1 }), await group.port()];
  await sender.send(bytesOf('full'));
  const waiting: Promise<unknown>[] = [
    sender.send(bytesOf('x'), { ports: [along.sender] }),
    along.receiver.receive(),
    along.receiver.receive({ signal: new AbortController().signal }),
    group.save(),
    group.port(),
    group.subscribe('news'),
  ];
  group.dispose();
  receiver.close();
  for (const each of waiting) await t.throwsAsync(soon(each), { instanceOf: CancelledError, message: /disposed of/ });
  await t.throwsAsync(sender.send(bytesOf('x')), { instanceOf: CancelledError });
  await t.throwsAsync(receiver.receive(), { instanceOf: UsageError });
});

test.serial('what is asked for right after a copy is done after it', async (t) => {
  using group = pool.group();
  const { sender, receiver } = await group.port({ name: 'p' });
  const saved = group.save();
  const other = group.port({ name: 'later' });
  const clone = sender.clone();
  sender.close();
  t.is((await soon(saved)).data.ports.length, 1);
  t.is((await soon(other, 20_000)).sender.name, 'later');
  clone.close();
  t.is(await soon(receiver.receive()), undefined);
});

test.serial('who waits for room costs no slices, however many they are', async (t) => {
  using group = pool.group();
  const { sender, receiver } = await group.port({ messages: 1 });
  const sending = upTo(200).map((i) => sender.send(message(i)));
  for (const each of sending) each.catch(() => {});
  await sending[0];
  const { driver } = group as unknown as { driver: { slices: number } };
  const before = driver.slices;
  await sleep(200);
  t.true(driver.slices < before + 10, `${driver.slices - before} slices`);
  for (const i of upTo(200)) t.is(numberOf((await soon(receiver.receive()))?.bytes ?? message(-1)), i);
  await soon(Promise.all(sending));
});

test.serial('whoever waits for room does not stand in the way of others', async (t) => {
  using group = pool.group();
  const full = await Promise.all(upTo(70).map(() => group.port({ messages: 1 })));
  for (const { sender } of full) for (const i of upTo(70)) sender.send(message(i)).catch(() => {});
  const free = await group.port();
  await soon(free.sender.send(bytesOf('one')), 20_000);
  t.is(textOf((await soon(free.receiver.receive()))?.bytes ?? bytesOf('')), 'one');
});
