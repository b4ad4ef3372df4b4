// Many messages through small ports: none is lost, and nothing is kept of those that are through. And members that die at
// random moments: their peers get on, or are told.

import test from 'ava';
import { DeadlockError, Group } from '../../src/talk/index.ts';
import { Random } from '../fuzz/random.ts';
import { moduleOf } from '../wat.ts';
import { talking } from './guests.ts';
import { engines, turns } from './world.ts';

/** All in all; a million by WASBOX_MESSAGES. */
const messages = Number(process.env.WASBOX_MESSAGES ?? 100_000);

/** Sends so many messages of random sizes, each of which begins with its size; returns the sum of those. */
const sends = await moduleOf(`${talking} (memory 1)
  (func (export "main") (param $left i32) (param $seed i32) (result i64) (local $size i32) (local $sum i64)
    (loop $more
      (local.set $seed (i32.add (i32.mul (local.get $seed) (i32.const 1103515245)) (i32.const 12345)))
      (local.set $size (i32.add (i32.const 4) (i32.rem_u (i32.shr_u (local.get $seed) (i32.const 8)) (i32.const 300))))
      (i32.store (i32.const 0) (local.get $size))
      (if (call $send (i32.const 0) (i32.const 0) (local.get $size)) (then (return (local.get $sum))))
      (local.set $sum (i64.add (local.get $sum) (i64.extend_i32_u (local.get $size))))
      (br_if $more (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (local.get $sum))`);
/** Passes on what it gets until nobody sends any more; the sum of the sizes, or what is wrong, less than 0. */
const passes = await moduleOf(`${talking} (memory 1)
  (func (export "main") (result i64) (local $size i32) (local $sum i64)
    (loop $more
      (local.set $size (call $receive (i32.const 0) (i32.const 0) (i32.const 400)))
      (if (i32.lt_s (local.get $size) (i32.const 0)) (then (return (local.get $sum))))
      (if (i32.ne (local.get $size) (i32.load (i32.const 0))) (then (return (i64.const -1))))
      (local.set $sum (i64.add (local.get $sum) (i64.extend_i32_u (local.get $size))))
      (drop (call $send (i32.const 1) (i32.const 0) (local.get $size)))
      (br $more))
    (unreachable))`);

for (const engine of engines)
  test(`many messages of random sizes go through small ports, and nothing is kept of them: ${engine}`, async (t) => {
    const group = new Group({ engine });
    const [into, between, out] = ['into', 'between', 'out'].map((name, i) =>
      group.port({ name, messages: 3 + i, bytes: 700 }),
    );
    if (into === undefined || between === undefined || out === undefined) throw new Error('no ports');
    const senders = 3;
    const each = Math.ceil(messages / engines.length / senders);
    for (let i = 0; i < senders; i++)
      group.add(`sends ${i}`, { module: sends, export: 'main', args: [each, i], ports: { to: into.sender.clone() } });
    into.sender.close();
    for (const name of ['one', 'two']) {
      const ports = { from: into.receiver.clone(), to: between.sender.clone() };
      group.add(name, { module: passes, export: 'main', ports });
    }
    into.receiver.close();
    between.sender.close();
    group.add('last', { module: passes, export: 'main', ports: { from: between.receiver, to: out.sender } });
    let [sum, count, most] = [0, 0, 0];
    const running = group.run();
    for await (const { bytes } of out.receiver) {
      sum += bytes.length;
      if (++count % 1000 !== 0) continue;
      const { ports, calls } = group.save().data;
      most = Math.max(
        most,
        ports.reduce((all, { queue }) => all + queue.length, calls.length),
      );
    }
    const outcome = await running;
    const sums = new Map(outcome.status === 'ended' ? [...outcome.members] : []);
    const sumOf = (name: string) => {
      const how = sums.get(name);
      return how?.status === 'returned' ? Number(how.values[0]) : Number.NaN;
    };
    t.is(count, each * senders);
    t.is(sumOf('sends 0') + sumOf('sends 1') + sumOf('sends 2'), sum);
    t.is(sumOf('one') + sumOf('two'), sum);
    t.is(sumOf('last'), sum);
    t.true(most <= 3 + 4 + 5, `${most} messages at once`);
    t.is(group.save().data.ports.length, 0);
  });

test('members that are cancelled at random moments leave a group that gets on, or tells that it cannot', async (t) => {
  const verdicts = new Set<string>();
  for (let seed = 0; seed < 150; seed++) {
    const random = new Random(seed);
    const group = new Group({ engine: random.pick(engines), sliceFuel: 1000 });
    const count = 3 + random.below(6);
    const ports = Array.from({ length: count }, () => group.port({ messages: 1 + random.below(3), bytes: 700 }));
    for (let i = 0; i < count; i++) {
      const to = random.pick(ports).sender.clone();
      if (random.chance(3)) group.add(`${i}`, { module: sends, export: 'main', args: [20, i], ports: { to } });
      else {
        const from = random.pick(ports).receiver.clone();
        group.add(`${i}`, { module: passes, export: 'main', ports: { from, to } });
      }
    }
    for (const { sender, receiver } of ports) {
      sender.close();
      receiver.close();
    }
    verdicts.add(await withDeaths(group, random));
    group.dispose();
    t.is(group.save().data.ports.length, 0, `seed ${seed}`);
  }
  t.deepEqual([...verdicts].sort(), ['deadlock', 'ended']);
});

/** Runs, and cancels somebody now and then: where all wait, until nobody is left. */
async function withDeaths(group: Group, random: Random): Promise<string> {
  let verdict = 'ended';
  for (let i = 0; i < 200; i++) {
    try {
      if ((await group.run({ signal: turns(random.below(30)) })).status === 'ended') return verdict;
    } catch (error) {
      if (!(error instanceof DeadlockError)) throw error;
      verdict = 'deadlock';
      group.cancel(random.pick(error.members));
    }
    if (random.chance(10)) group.cancel(random.pick(group.members).name);
  }
  throw new Error('it goes on for ever');
}
