// Who goes on with a job: every order in which two runners that both believe in their delivery can take it and change it. The store
// is in memory, the queue's word is the test's.

import test from 'ava';
import type { Fresh } from '../../src/pool/durable/ledger.ts';
import type { Store } from '../../src/store/index.ts';
import { Deliveries, Ledger, LostError, memoryStore } from './built.ts';
import { Troubled } from './troubled.ts';

const fresh = (): Fresh => ({
  ...{ by: 'queue', title: 'a', identity: 'i', digest: 'd', spec: new Uint8Array([1]) },
  modules: [new Uint8Array([2])],
});
const wanted = { digest: 'd', make: fresh };
const about = { paid: 1, spent: 1, calling: undefined };
const state = (n: number) => new Uint8Array([n]);

/** A runner's side of the store. */
function party(store: Store) {
  const ledger = new Ledger(store, 10_000);
  const deliveries = new Deliveries(ledger);
  const take = async (isOurs: () => Promise<boolean> = async () => true, ticket = 't') => {
    const got = await deliveries.take('k', ticket, isOurs);
    return { kind: got.kind, held: got.kind === 'held' ? got.held : (undefined as never) };
  };
  return { ledger, deliveries, take };
}

async function submitted() {
  const store = memoryStore();
  const submitter = party(store);
  await submitter.deliveries.put('k', wanted, { ticket: 't' });
  return { store, submitter, a: party(store), b: party(store) };
}

test('of two that take a job that nobody has, the first one that changes it goes on', async (t) => {
  const { a, b, submitter } = await submitted();
  const [one, two] = [await a.take(), await b.take()];
  t.deepEqual([one.kind, two.kind], ['held', 'held']);
  await b.ledger.save(two.held, state(1), about);
  await t.throwsAsync(a.ledger.save(one.held, state(2), about), { instanceOf: LostError });
  await t.throwsAsync(a.ledger.end(one.held, 'done', state(2)), { instanceOf: LostError });
  await b.ledger.end(two.held, 'done', state(3));
  const { entry } = (await submitter.deliveries.find('k')) ?? {};
  t.like(entry, { state: 'done', fence: 2, saves: 1, owner: undefined });
});

test('the same runner, given a job twice, goes on with it once', async (t) => {
  const { a } = await submitted();
  const [one, two] = [await a.take(), await a.take()];
  await a.ledger.save(two.held, state(1), about);
  await t.throwsAsync(a.ledger.save(one.held, state(2), about), { instanceOf: LostError });
  const three = await a.take();
  t.is(three.held.entry.fence, two.held.entry.fence + 1);
  await t.throwsAsync(a.ledger.save(two.held, state(3), about), { instanceOf: LostError });
  await a.ledger.save(three.held, state(4), about);
});

test('a job that somebody has is taken by whose delivery stands, and the other one is refused', async (t) => {
  const { a, b } = await submitted();
  const one = await a.take();
  await a.ledger.save(one.held, state(1), about);
  t.is((await b.take(async () => false)).kind, 'late');
  const two = await b.take();
  t.is(two.kind, 'held');
  t.like(two.held.entry, { fence: 3, saves: 1 });
  await t.throwsAsync(a.ledger.save(one.held, state(2), about), { instanceOf: LostError });
  await t.throwsAsync(a.ledger.release(one.held), { instanceOf: LostError });
  await b.ledger.save(two.held, state(3), about);
});

test('an older delivery that stood still between its question and its change takes nothing from a newer one', async (t) => {
  const { a, b } = await submitted();
  const zero = await a.take();
  await a.ledger.save(zero.held, state(1), about);
  // The queue said yes, and then B was given the job and took it, before A's change.
  let newer: Awaited<ReturnType<typeof b.take>> | undefined;
  let asked = 0;
  const older = await a.take(async () => {
    asked++;
    if (newer !== undefined) return false;
    newer = await b.take();
    return true;
  });
  t.is(older.kind, 'late');
  t.is(asked, 2);
  await b.ledger.save(newer?.held as never, state(2), about);
});

test('an older delivery that is faster than a newer one is taken from in turn', async (t) => {
  const { a, b } = await submitted();
  const zero = await a.take();
  await a.ledger.save(zero.held, state(1), about);
  let older: Awaited<ReturnType<typeof a.take>> | undefined;
  const newer = await b.take(async () => {
    // While B asks, A, whose answer was given before, takes it.
    older ??= await a.take(async () => true);
    return true;
  });
  t.is(older?.kind, 'held');
  t.is(newer.kind, 'held');
  t.is(newer.held.entry.fence, (older?.held.entry.fence ?? 0) + 1);
  await t.throwsAsync(a.ledger.save(older?.held as never, state(2), about), { instanceOf: LostError });
  await b.ledger.end(newer.held, 'done', state(3));
  t.is((await a.take()).kind, 'ended');
});

test('a wish is heard with the next change, and is no reason to lose a job', async (t) => {
  const { a, submitter } = await submitted();
  const { held } = await a.take();
  await a.ledger.save(held, state(1), about);
  let heard = 0;
  held.wished = () => heard++;
  await submitter.deliveries.rest('k');
  t.is(heard, 0);
  await a.ledger.save(held, state(2), about);
  t.is(heard, 1);
  t.like(held.entry, { wish: 'rest', saves: 2 });
  await a.ledger.release(held);
  t.is((await a.take()).kind, 'resting');
  await submitter.deliveries.resume('k', 't2');
  t.is((await a.take()).kind, 'stale');
  t.is((await a.take(undefined, 't2')).kind, 'held');
});

test('a job whose owner died comes to rest with its next delivery', async (t) => {
  const { a, b, submitter } = await submitted();
  const { held } = await a.take();
  await a.ledger.save(held, state(1), about);
  await submitter.deliveries.rest('k');
  t.is((await b.take(async () => false)).kind, 'late');
  t.is((await b.take()).kind, 'resting');
  t.like((await submitter.deliveries.find('k'))?.entry, { owner: undefined, wish: 'rest' });
  await t.throwsAsync(a.ledger.save(held, state(2), about), { instanceOf: LostError });
});

test('a wish that is taken back before it was heard changes nothing', async (t) => {
  const { a, submitter } = await submitted();
  const { held } = await a.take();
  await a.ledger.save(held, state(1), about);
  await submitter.deliveries.rest('k');
  const found = await submitter.deliveries.resume('k', 't2');
  t.is(found?.entry.ticket, 't');
  await a.ledger.end(held, 'done', state(2));
});

test('a job that was cancelled and submitted anew is another one', async (t) => {
  const { a, b, submitter } = await submitted();
  const { held } = await a.take();
  const { held: saved } = await b.take();
  await b.ledger.save(saved, state(1), about);
  await submitter.deliveries.remove('k');
  await t.throwsAsync(b.ledger.save(saved, state(2), about), { instanceOf: LostError });
  t.is((await b.take()).kind, 'absent');
  await submitter.deliveries.put('k', wanted, { ticket: 'new' });
  for (const [who, old] of [
    [a, held],
    [b, saved],
  ] as const)
    await t.throwsAsync(who.ledger.end(old, 'done', state(3)), { instanceOf: LostError });
  t.is((await a.take()).kind, 'stale');
});

test('a job that was renewed is not its owner’s any more', async (t) => {
  const { a, submitter } = await submitted();
  const { held } = await a.take();
  await a.ledger.save(held, state(1), about);
  await submitter.deliveries.renew('k', 't', 't2');
  await t.throwsAsync(a.ledger.save(held, state(2), about), { instanceOf: LostError });
  t.is((await submitter.deliveries.renew('k', 't', 't3'))?.entry.ticket, 't2');
});

for (const when of ['before', 'after'] as const)
  test(`a change whose answer is lost ${when} it was made can be made again`, async (t) => {
    const { store, submitter } = await submitted();
    const bad = new Troubled(store);
    const fails = bad.commits;
    const a = party(bad);
    const { held } = await a.take();
    fails.push(when);
    await t.throwsAsync(a.ledger.save(held, state(1), about), { code: 'store' });
    await a.ledger.save(held, state(2), about);
    fails.push(when);
    await t.throwsAsync(a.ledger.save(held, state(3), about), { code: 'store' });
    await a.ledger.save(held, state(4), about);
    fails.push(when);
    await t.throwsAsync(a.ledger.end(held, 'done', state(5)), { code: 'store' });
    const again = a.ledger.end(held, 'done', state(5));
    if (when === 'before') await again;
    else await t.throwsAsync(again, { instanceOf: LostError });
    const found = await submitter.deliveries.find('k');
    t.like(found?.entry, { state: 'done', fence: 2 });
    t.deepEqual(await submitter.ledger.bytes(found?.entry.result as string), state(5));
    t.is((await a.take()).kind, 'ended');
  });

test('two that change a job at random, taking it over from each other: its states are one line', async (t) => {
  const { store, submitter } = await submitted();
  // Whose lock it is, as the queue has it: told to whoever asks, at that moment.
  let lock = 0;
  let seed = 7;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    return Math.floor((seed / 0x80000000) * below);
  };
  const pause = async () => {
    for (let i = random(5); i > 0; i--) await Promise.resolve();
  };
  const line: string[] = [];
  let refused = 0;
  const runner = async (me: number) => {
    const { ledger, take } = party(store);
    for (let round = 0; round < 60; round++) {
      const mine = ++lock;
      await pause();
      const { kind, held } = await take(() => pause().then(() => lock === mine));
      if (kind !== 'held') continue;
      // A state tells the one that it followed.
      for (let n = random(4); n >= 0; n--) {
        await pause();
        const before = held.entry.checkpoint;
        try {
          await ledger.save(held, new TextEncoder().encode(`${before ?? ''} ${me} ${round} ${n}`), about);
        } catch (error) {
          t.true(error instanceof LostError);
          refused++;
          break;
        }
        line.push(held.entry.checkpoint as string);
      }
      if (random(2) === 0) await ledger.release(held).catch(() => refused++);
    }
  };
  await Promise.all([0, 1, 2].map(runner));
  t.true(refused > 0);
  const { entry } = (await submitter.deliveries.find('k')) ?? {};
  t.is(entry?.saves, line.length);
  let at = entry?.checkpoint;
  for (const expected of line.reverse()) {
    t.is(at, expected);
    const [before] = new TextDecoder().decode(await submitter.ledger.bytes(at as string)).split(' ');
    at = before === '' ? undefined : before;
  }
  t.is(at, undefined);
});

test('a module is sent again where the store has collected it', async (t) => {
  const store = memoryStore();
  const { deliveries, ledger } = party(store);
  const module = new Uint8Array(200_000).fill(7);
  const make = (): Fresh => ({ ...fresh(), modules: [module] });
  await deliveries.put('a', { digest: 'd', make }, { ticket: 'a' });
  await deliveries.remove('a');
  t.true((await store.collect()).blobs > 0);
  const { entry } = await deliveries.put('b', { digest: 'd', make }, { ticket: 'b' });
  t.deepEqual(await ledger.bytes(entry.modules[0] as string), module);
});

test('a job that is brought to rest by force is not its owner’s any more', async (t) => {
  const { a, submitter } = await submitted();
  const { held } = await a.take();
  await a.ledger.save(held, state(1), about);
  await submitter.deliveries.rest('k');
  t.like((await submitter.deliveries.seizeToRest('k'))?.entry, { owner: undefined, wish: 'rest', saves: 1 });
  await t.throwsAsync(a.ledger.save(held, state(2), about), { instanceOf: LostError });
  t.is((await a.take()).kind, 'resting');
});
