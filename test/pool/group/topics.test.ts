// Topics of groups on several threads: all who listen hear the same in the same order, wherever they are and whoever publishes; cut
// and killed at random moments, with calls under way as well, nothing is lost and nothing comes twice.

import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { Pool, type PoolGroup, type PoolGroupOptions } from '../../../src/pool/index.ts';
import { Random } from '../../fuzz/random.ts';
import { chorusModules, go, parts, restoredChorus, tally, voices, wrongIn, wrongWith } from '../../talk/chorus.ts';
import { ranElsewhere } from '../../talk/elsewhere.ts';
import {
  bytesOf,
  endless,
  engines,
  isWide,
  killThread,
  message,
  numberOf,
  otherEngine,
  script,
  soon,
  textOf,
  upTo,
  widthOf,
} from './guests.ts';

const { publishers, listeners, times, between } = voices;
/** Text at 1024: a name, and what is said. */
const data = 'newshello';

/** Cuts; more by WASBOX_CUTS. */
const cuts = Number(process.env.WASBOX_CUTS ?? 16);
const calls = { tally: { member: 'tally', module: tally } };

/** Members that publish, listen, and call one of them; or a service in its place. */
async function poolChorus(pool: Pool, options: PoolGroupOptions, isService = false): Promise<PoolGroup> {
  const group = pool.group(options);
  const ports = [];
  for (const port of go) ports.push(await group.port(port));
  if (!isService) await group.add('tally', { module: tally });
  for (const { name, ...part } of parts(ports))
    await group.add(name, { ...part, export: 'main', calls: isService ? {} : calls });
  return group;
}

/** How members have ended, by their names. */
async function ended(group: PoolGroup): Promise<ReadonlyMap<string, unknown>> {
  const outcome = await group.run();
  if (outcome.status !== 'ended') throw new Error(outcome.status);
  return new Map([...outcome.members].map(([name, how]) => [name, how.status === 'returned' ? how.values : how]));
}

for (const engine of engines) {
  for (const [threads, isService] of [
    [2, true],
    [2, false],
    [3, false],
  ] as const)
    test.serial(
      `${engine}: threads that die cost topics and ${isService ? 'services' : 'calls'} on ${threads} nothing`,
      async (t) => {
        t.timeout(600_000);
        const random = new Random(threads);
        let count = 0;
        const service = { next: async (n: number) => (count += n) };
        const pool = new Pool({ threads, services: isService ? { tally: service } : {} });
        t.teardown(() => pool.terminate());
        const options = { engine, threads, sliceFuel: 100, onCrash: 'retry' } as const;
        const group = await poolChorus(pool, options, isService);
        let isOver = false;
        const run = ended(group).finally(() => {
          isOver = true;
        });
        run.catch(() => {});
        let wide = 0;
        for (let kills = 0; kills < 8 && !isOver; kills++) {
          await sleep(30 + random.below(60));
          if (widthOf(group) > 1) wide++;
          killThread(pool, (ids) => random.pick(ids));
        }
        t.deepEqual(wrongIn(await soon(run, 300_000)), []);
        if (isService) t.is(count, publishers * times + (listeners * publishers * times) / between);
        t.true(wide > 0);
      },
    );

  test.serial(`${engine}: topics and calls on two threads, cut at random moments`, async (t) => {
    t.timeout(600_000);
    const random = new Random(engine === 'native' ? 31 : 32);
    const pool = new Pool({ threads: 2 });
    t.teardown(() => pool.terminate());
    const members = Object.fromEntries(
      [...upTo(publishers).map((i) => `publisher ${i}`), ...upTo(listeners).map((i) => `listener ${i}`)].map((name) => [
        name,
        { calls },
      ]),
    );
    const begun = () => poolChorus(pool, { engine, threads: 2, sliceFuel: 1 + random.below(2000) });
    let group = await begun();
    let [done, wide] = [0, 0];
    for (let of = engine; done < cuts; ) {
      const run = group.run();
      let isOver = false;
      const over = run.then(
        () => {
          isOver = true;
        },
        () => {},
      );
      while (done < cuts && !isOver) {
        await sleep(random.below(12));
        if (widthOf(group) === 2) wide++;
        const bytes = (await group.save()).encode();
        const other = otherEngine(of);
        if (done++ % 8 === 1) t.deepEqual(await ranElsewhere(bytes, other, 'chorus.ts'), [], `cut ${done}`);
        else if (random.chance(2))
          t.deepEqual(await wrongWith(restoredChorus(bytes, { engine: other })), [], `cut ${done}`);
        else {
          const options = { engine: other, threads: 2, sliceFuel: 1 + random.below(2000) };
          const resumed = pool.resumeGroup(bytes, { ...options, modules: chorusModules, members });
          if (random.chance(2)) t.deepEqual(wrongIn(await soon(ended(resumed), 60_000)), [], `cut ${done}`);
          else {
            group.dispose();
            group = resumed;
            of = other;
            break;
          }
          resumed.dispose();
        }
      }
      await over;
      if (!isOver) continue;
      t.deepEqual(wrongIn(await ended(group)), []);
      group.dispose();
      group = await begun();
    }
    group.dispose();
    t.true(wide > 0);
  });

  for (const size of [1, 2])
    test.serial(
      `${engine}: topics and calls of four parts on ${size} of a pool's threads come to their end`,
      async (t) => {
        const pool = new Pool({ threads: size });
        t.teardown(() => pool.terminate());
        const group = await poolChorus(pool, { engine, threads: 4, sliceFuel: 500 });
        t.deepEqual(wrongIn(await soon(ended(group), 120_000)), []);
      },
    );

  test.serial(`${engine}: who publishes waits until all have room, on both threads`, async (t) => {
    const pool = new Pool({ threads: 2 });
    t.teardown(() => pool.terminate());
    const group = pool.group({ engine, threads: 2 });
    const reads = ['subscribe 1024 4 1 99', 'send 1 0 1', 'receive 0 0 9', 'receive 2 0 9', 'try_receive 2 0 9'];
    const ears = [];
    for (const i of upTo(4)) {
      const [lets, says] = [await group.port({ name: `lets ${i}` }), await group.port({ name: `says ${i}` })];
      const module = await script([...reads, 'receive 0 0 9', 'receive 2 0 9'], data);
      const ports = { lets: lets.receiver, says: says.sender };
      const member = await group.add(`ear ${i}`, { module, export: 'main', ports });
      ears.push({ member, lets: lets.sender, says: says.receiver });
    }
    await group.add('busy', { module: endless, export: 'main' });
    const run = group.run();
    run.catch(() => {});
    for (const { says } of ears) await soon(says.receive());
    const at = await group.port();
    const publishes = ['publish 1024 4 1028 5', 'publish 1024 4 1028 4', 'send 0 0 1'];
    const mouth = await group.add('mouth', {
      ...{ module: await script(publishes, data), export: 'main' },
      ports: { at: at.sender },
    });
    await isWide(group);
    // All but one have room: the second message is for nobody yet.
    for (const { lets } of ears.slice(1)) await lets.send(bytesOf('!'));
    for (const { lets } of ears.slice(1)) await lets.send(bytesOf('!'));
    await sleep(30);
    t.is(mouth.outcome, undefined);
    await group.save();
    const [first] = ears;
    await first?.lets.send(bytesOf('!'));
    await first?.lets.send(bytesOf('!'));
    t.deepEqual(await soon(mouth.result), [4, 4, 0]);
    for (const { member } of ears.slice(1)) {
      const [, , , size, again, , next] = (await soon(member.result)) as number[];
      // Whoever asked too early got nothing then.
      t.true(size === 5 && (again === -5 ? next === 4 : again === 4), String([size, again, next]));
    }
    await group.cancel('busy');
    await soon((first as (typeof ears)[0]).member.result);
    t.like(await soon(run), { status: 'ended' });
    t.is((await at.receiver.receive())?.bytes.length, 1);
  });

  test.serial(`${engine}: who listens no more on the other thread keeps nobody waiting`, async (t) => {
    const pool = new Pool({ threads: 2 });
    t.teardown(() => pool.terminate());
    const group = pool.group({ engine, threads: 2, sliceFuel: 5000 });
    const heard = await group.subscribe('news', { messages: 1000 });
    // Hears two, and leaves; the other one goes on once all listen.
    const go = await group.port();
    const few = await script(['subscribe 1024 4 1 99', 'send 0 0 1', 'receive 1 0 9', 'receive 1 0 9'], data);
    for (const i of upTo(3))
      await group.add(`few ${i}`, { module: few, export: 'main', ports: { go: go.sender.clone() } });
    const waits = upTo(3).map(() => 'receive 0 0 9');
    const says = Array<string>(200).fill('publish 1024 4 1028 5');
    const many = await group.add('many', {
      ...{ module: await script([...waits, ...says], data), export: 'main' },
      ports: { go: go.receiver },
    });
    const run = group.run();
    run.catch(() => {});
    t.like(await soon(run), { status: 'ended' });
    const counts = ((await many.result) as number[]).slice(3);
    t.deepEqual(
      counts,
      counts.toSorted((a, b) => b - a),
    );
    t.is(counts.at(-1), 1);
    for (const _ of upTo(200)) t.is(textOf((await heard.receive())?.bytes ?? bytesOf('')), 'hello');
    t.is(heard.name, 'news');
  });

  test.serial(
    `${engine}: who subscribes while the group is on two threads hears what comes from then on`,
    async (t) => {
      const pool = new Pool({ threads: 2 });
      t.teardown(() => pool.terminate());
      const group = pool.group({ engine, threads: 2 });
      const ends = [];
      for (const i of upTo(4)) {
        const [lets, says] = [await group.port({ name: `lets ${i}` }), await group.port({ name: `says ${i}` })];
        const module = await script(['receive 0 0 9', 'subscribe 1024 4 9 99', 'send 1 0 1', 'receive 2 0 9'], data);
        await group.add(`late ${i}`, { module, export: 'main', ports: { lets: lets.receiver, says: says.sender } });
        ends.push({ lets: lets.sender, says: says.receiver });
      }
      const lets = await group.port();
      const module = await script(['receive 0 0 9', 'publish 1024 4 1028 5'], data);
      const mouth = await group.add('mouth', { module, export: 'main', ports: { lets: lets.receiver } });
      for (const i of upTo(2)) await group.add(`busy ${i}`, { module: endless, export: 'main' });
      const run = group.run();
      run.catch(() => {});
      for (const end of ends) {
        await isWide(group);
        await end.lets.send(bytesOf('!'));
        await soon(end.says.receive());
      }
      await isWide(group);
      await lets.sender.send(bytesOf('!'));
      t.deepEqual(await soon(mouth.result), [1, 4]);
      for (const i of upTo(4)) t.deepEqual(await soon(group.member(`late ${i}`).result), [1, 2, 0, 5]);
      for (const i of upTo(2)) await group.cancel(`busy ${i}`);
      t.like(await soon(run), { status: 'ended' });
    },
  );

  test.serial(
    `${engine}: a topic with ports larger than any that cross, and messages that are too large`,
    async (t) => {
      const pool = new Pool({ threads: 2 });
      t.teardown(() => pool.terminate());
      const group = pool.group({ engine, threads: 2 });
      const heard = await group.subscribe('news', { messages: 3000, bytes: 2 ** 22 });
      const small = await group.subscribe('else', { messages: 3000, bytes: 8 });
      const lets = [await group.port(), await group.port()];
      for (const [i, { receiver }] of lets.entries()) {
        const says = ['publish 1024 4 1028 5', 'publish 1033 4 1028 9', 'publish 1033 4 1028 8'];
        const module = await script(['receive 0 0 9', ...says, 'publish 0 4 0 65536'], `${data}else`);
        await group.add(`mouth ${i}`, { module, export: 'main', ports: { in: receiver } });
        await group.add(`busy ${i}`, { module: endless, export: 'main' });
      }
      const run = group.run();
      run.catch(() => {});
      await isWide(group);
      for (const { sender } of lets) await sender.send(message(7));
      for (const i of upTo(2)) {
        t.is(textOf((await soon(heard.receive()))?.bytes ?? bytesOf('')), 'hello');
        t.is(numberOf((await soon(small.receive()))?.bytes ?? message(0)), numberOf(bytesOf('hell')));
        t.deepEqual(await soon(group.member(`mouth ${i}`).result), [4, 1, -2, 1, 0]);
      }
      for (const i of upTo(2)) await group.cancel(`busy ${i}`);
      t.like(await soon(run), { status: 'ended' });
    },
  );
}
