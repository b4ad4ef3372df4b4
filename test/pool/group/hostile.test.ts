// Groups on a pool that are not meant well: forged snapshots, guests that take all they can, services that answer oddly, names that
// other languages trip over. Each comes to an end that is told, and the pool goes on.

import test, { type ExecutionContext } from 'ava';
import { CrashError, HostError, LimitError, LinkError, Trap, UsageError, WasboxError } from '../../../src/index.ts';
import {
  CancelledError,
  Pool,
  type PoolGroup,
  type PoolGroupOptions,
  type PoolMemberOptions,
} from '../../../src/pool/index.ts';
import { contentsOf, joinParts, type PartKind, partsOf, readParts } from '../../../src/snapshot/container/parts.ts';
import { ClosedError, DeadlockError, PeerError } from '../../../src/talk/index.ts';
import { Random } from '../../fuzz/random.ts';
import { sample } from '../../soak/measure.ts';
import { busySnapshots, modules } from '../../talk/busy.ts';
import { moduleOf } from '../../wat.ts';
import { arithmetic } from '../guests.ts';
import {
  bytesOf,
  codes,
  counter,
  echo,
  endless,
  engines,
  inside,
  message,
  mirror,
  numberOf,
  script,
  soon,
  talking,
  textOf,
  until,
  upTo,
} from './guests.ts';

// Snapshots

const saved = await busySnapshots();

const members = Object.fromEntries(['caller 1', 'caller 2'].map((name) => [name, { calls: { math: 'math' } }]));

/** The same with other contents of one kind. */
function withPart(bytes: Uint8Array, kind: PartKind, change: (contents: Uint8Array) => Uint8Array): Uint8Array {
  const all = readParts(bytes);
  const contents = change(contentsOf(all, kind, 2 ** 26));
  const changed = partsOf(kind, contents.length, (start, end) => contents.subarray(start, end));
  return joinParts([...all.parts.filter((part) => part.kind !== kind), ...changed], 1);
}

const pool = new Pool({ threads: 2, grace: 200 });
test.after.always(() => pool.terminate());

const works = async (t: ExecutionContext): Promise<void> => {
  t.deepEqual(await soon(pool.submit({ module: arithmetic, export: 'add', args: [1, 2] }).result), [3]);
  t.is(inside(pool).places.size, 0);
};

/** What comes of it: throws what should not be. */
async function judged(bytes: Uint8Array, options: PoolGroupOptions): Promise<string> {
  const limits = { portBytes: 2 ** 22, ports: 1000 };
  let group: PoolGroup | undefined;
  try {
    group = pool.resumeGroup(bytes, { ...options, limits, modules, members, sliceFuel: 1000 });
    const outcome = await soon(group.run({ timeout: 300 }), 60_000);
    await soon(group.save(), 60_000);
    for (const { outcome: end } of group.members)
      if (end?.status === 'failed' && !(end.error instanceof WasboxError)) throw end.error;
    return outcome.status;
  } catch (error) {
    if (!(error instanceof WasboxError) || error instanceof CrashError) throw error;
    return error.code;
  } finally {
    group?.dispose();
  }
}

for (const engine of engines) {
  test.serial(`${engine}: forged snapshots are refused, or groups like any other`, async (t) => {
    t.timeout(600_000);
    const random = new Random(engine === 'native' ? 41 : 42);
    const verdicts = new Map<string, number>();
    const one = async (): Promise<void> => {
      const kind = random.pick(['group', 'members', 'messages'] as const);
      const isPlain = random.chance(10);
      const change = (contents: Uint8Array): Uint8Array => {
        const changed = contents.slice();
        for (let n = 1 + random.below(3); n > 0 && changed.length > 0; n--) {
          const at = random.below(changed.length);
          changed[at] = random.chance(2) ? random.below(256) : (changed[at] as number) ^ (1 << random.below(8));
        }
        return changed;
      };
      const from = random.pick(saved);
      const verdict = await judged(isPlain ? change(from) : withPart(from, kind, change), { engine });
      verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
    };
    for (let i = 0; i < 50; i++) await Promise.all(upTo(6).map(one));
    t.log([...verdicts].map(([verdict, count]) => `${count} ${verdict}`).join(', '));
    for (const verdict of ['snapshot', 'ended']) t.true(verdicts.has(verdict), verdict);
    await works(t);
  });

  // Guests

  test.serial(`${engine}: guests that trap, recurse or take too much fail alone`, async (t) => {
    using group = pool.group({ engine, sliceFuel: 10_000 });
    const add = async (name: string, text: string, limits = {}) =>
      group.add(name, { module: await moduleOf(text), export: 'main', limits });
    const { sender, receiver } = await group.port();
    const ports = { in: receiver };
    const well = await group.add('well', { module: await script(['receive 0 0 10']), export: 'main', ports });
    const traps = await add('traps', '(func (export "main") (unreachable))');
    const divides = await add('divides', '(func (export "main") (drop (i32.div_u (i32.const 1) (i32.const 0))))');
    const recurses = await add('recurses', '(func $f (export "main") (call $f) (call $f))');
    const eats = await add(
      'eats',
      `(memory 1) (func (export "main") (result i32) (local $pages i32)
        (loop $more
          (if (i32.ne (memory.grow (i32.const 16)) (i32.const -1)) (then
            (local.set $pages (i32.add (local.get $pages) (i32.const 16)))
            (br $more))))
        (local.get $pages))`,
      { memory: 64 * 65536 },
    );
    const run = group.run();
    await sender.send(bytesOf('fine'));
    t.like(await soon(run, 60_000), { status: 'ended' });
    t.deepEqual(await well.result, [4]);
    for (const each of [traps, divides]) await t.throwsAsync(each.result, { instanceOf: Trap });
    const error = await t.throwsAsync(recurses.result);
    t.true(error instanceof Trap || error instanceof LimitError);
    t.deepEqual(await eats.result, [48]);
    group.dispose();
    await works(t);
  });

  test.serial(`${engine}: guests that make all ports and topics there may be are refused more`, async (t) => {
    using group = pool.group({ engine, limits: { ports: 300, topics: 20, portBytes: 2 ** 22 } });
    const makes = await moduleOf(`${talking} (memory 1)
      (func (export "main") (result i32 i32) (local $ports i32) (local $topics i32)
        (loop $more
          (if (i32.eqz (call $make (i32.const 1) (i32.const 10) (i32.const 0))) (then
            (local.set $ports (i32.add (local.get $ports) (i32.const 1)))
            (br $more))))
        (drop (call $close (i32.const 0)))
        (drop (call $close (i32.const 1)))
        (loop $again
          (i32.store8 (i32.const 16) (i32.add (i32.const 33) (local.get $topics)))
          (if (i32.ge_s (call $publish (i32.const 16) (i32.const 1) (i32.const 0) (i32.const 0)) (i32.const 0)) (then
            (local.set $topics (i32.add (local.get $topics) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $topics) (i32.const 60))))))
        (local.get $ports) (local.get $topics))`);
    const member = await group.add('makes', { module: makes, export: 'main' });
    t.like(await soon(group.run(), 60_000), { status: 'ended' });
    const [ports, topics] = (await member.result) as [number, number];
    t.is(ports, 300);
    t.true(topics <= 60);
    // They went with it.
    const made = await Promise.all(upTo(50).map(() => group.port({ bytes: 10 })));
    t.is(made.length, 50);
    await t.throwsAsync(group.port({ bytes: 2 ** 23 }), { instanceOf: LimitError });
    const many = await Promise.allSettled(upTo(400).map(() => group.port({ bytes: 10 })));
    t.is(many.filter(({ status }) => status === 'fulfilled').length, 250);
    for (const each of many) if (each.status === 'rejected') t.true(each.reason instanceof LimitError);
    group.dispose();
    await works(t);
  });

  test.serial(`${engine}: a port that is filled without end costs no more than it holds`, async (t) => {
    using group = pool.group({ engine, sliceFuel: 10_000 });
    const { sender, receiver } = await group.port({ messages: 50, bytes: 1000 });
    const fills = { module: counter, export: 'main', args: [0, 1_000_000], ports: { out: sender } };
    const member = await group.add('fills', fills);
    const run = group.run();
    await until(() => group.fuelUsed > 0);
    const { data } = await group.save();
    t.is(data.ports[0]?.queue.length, 50);
    for (const i of upTo(120)) t.is(numberOf((await receiver.receive())?.bytes ?? message(-1)), i);
    receiver.close();
    t.like(await soon(run), { status: 'ended' });
    t.deepEqual(await member.result, [codes.closed]);
  });

  test.serial(
    `${engine}: start functions that trap, wait or have no end fail what they are the start of`,
    async (t) => {
      using group = pool.group({ engine });
      using other = pool.group({ engine });
      const starting = (text: string, imports = '') => moduleOf(`${imports} (memory 1) (func $s ${text}) (start $s)`);
      const { sender, receiver } = await group.port();
      await t.throwsAsync(soon(group.add('m', { module: await starting('unreachable') })), { instanceOf: Trap });
      const endlessly = { module: await starting('(loop $l (br $l))'), fuel: 100_000 };
      await t.throwsAsync(soon(group.add('m', endlessly), 60_000), {
        instanceOf: LimitError,
        message: /start function/,
      });
      const waits = '(drop (call $receive (i32.const 0) (i32.const 0) (i32.const 10)))';
      const waiting = { module: await starting(waits, talking), ports: { in: receiver } };
      await t.throwsAsync(soon(group.add('m', waiting)), { instanceOf: UsageError });
      await t.throwsAsync(sender.send(bytesOf('x')), { instanceOf: ClosedError });
      t.is((await soon(other.port())).sender.name, 'port 0');
      const member = await group.add('m', { module: await echo(0), export: 'main' });
      await group.run();
      t.deepEqual(await member.result, []);
    },
  );

  test.serial(`${engine}: a start function without an end is ended by itself`, async (t) => {
    using group = pool.group({ engine });
    const module = await moduleOf('(func $s (loop $l (br $l))) (start $s)');
    await t.throwsAsync(soon(group.add('m', { module }), 300_000), { instanceOf: LimitError });
    group.dispose();
    await works(t);
  });

  test.serial(`${engine}: ends that were given to what could not be added are closed`, async (t) => {
    using group = pool.group({ engine, limits: { members: 1 } });
    await group.add('first', { module: endless });
    const bad: Record<string, Omit<PoolMemberOptions, 'ports'>> = {
      malformed: { module: new Uint8Array([1, 2, 3]) },
      'no use': { module: arithmetic },
      'one too many': { module: mirror },
      'no such host': { module: mirror, host: new URL('./nowhere.ts', import.meta.url) },
      'no such callee': { module: mirror, calls: { x: { member: 'x', module: new Uint8Array([0]) } } },
    };
    for (const [title, options] of Object.entries(bad)) {
      const [{ sender, receiver }, { sender: out, receiver: back }] = [await group.port(), await group.port()];
      const ports = { in: receiver, out };
      const error = await t.throwsAsync(group.add('m', { ...options, ports }), undefined, title);
      t.true(error instanceof WasboxError && !(error instanceof CrashError), title);
      await t.throwsAsync(soon(sender.send(bytesOf('x'))), { instanceOf: ClosedError }, title);
      t.is(await soon(back.receive()), undefined, title);
    }
  });

  // Services

  test.serial(`${engine}: whatever services throw or answer is the guest's failure`, async (t) => {
    const thrower = {
      get message(): string {
        throw new Error('no message');
      },
      get stack(): string {
        throw new Error('no stack');
      },
      toString() {
        throw new Error('no text');
      },
    };
    const cyclic: { self?: unknown } = {};
    cyclic.self = cyclic;
    const revoked = Proxy.revocable({}, {});
    revoked.revoke();
    const acts: readonly (() => unknown)[] = [
      () => Promise.reject(Symbol('s')),
      () => Promise.reject(thrower),
      () => Promise.reject(undefined),
      () => Promise.reject(Object.create(null)),
      () => Promise.reject(revoked.proxy),
      () => Promise.reject(cyclic),
      () => Promise.reject(new Error('x'.repeat(10_000_000))),
      () => 'text',
      () => 3n,
      () => Symbol('s'),
      () => () => 1,
      () => ({
        get x() {
          throw new Error('no x');
        },
      }),
      () => [1, 2],
      () => undefined,
      () => 2 ** 40,
      () => revoked.proxy,
      // biome-ignore lint/suspicious/noThenProperty: what looks like a promise is taken for one
      () => ({ then: () => thrower.message }),
      () => new Uint8Array(10_000_000),
    ];
    const env = { ask: (n: number) => acts[n]?.() };
    using group = pool.group({ engine, services: { env } });
    const module = await moduleOf(`(import "env" "ask" (func $ask (param i32) (result i32)))
      (func (export "main") (param i32) (result i32) (call $ask (local.get 0)))`);
    const adding = acts.map((_, i) => group.add(`m${i}`, { module, export: 'main', args: [i] }));
    const all = await Promise.all(adding);
    t.like(await soon(group.run()), { status: 'ended' });
    for (const [i, member] of all.entries()) {
      // A number of whatever size is an i32 by its low bits, or none.
      if (i === 14 && member.outcome?.status === 'returned') continue;
      await t.throwsAsync(member.result, { instanceOf: HostError }, `${acts[i]}`);
    }
    group.dispose();
    await works(t);
  });

  test.serial(`${engine}: services that never answer, or too late, are told and harm nobody`, async (t) => {
    const signals: AbortSignal[] = [];
    const late: ((value: number) => void)[] = [];
    const env = {
      ask: (_: number, { signal }: { signal: AbortSignal }) => {
        signals.push(signal);
        return new Promise((resolve) => late.push(resolve));
      },
    };
    using group = pool.group({ engine, services: { env } });
    using timed = pool.group({ engine, services: { env }, serviceTimeout: 20 });
    const module = await moduleOf(`(import "env" "ask" (func $ask (param i32) (result i32)))
      (func (export "main") (result i32) (call $ask (i32.const 1)))
      (func (export "serve") (result i32) (call $ask (i32.const 2)))`);
    const caller = await moduleOf(`(import "s" "serve" (func $serve (result i32)))
      (func (export "main") (result i32) (call $serve))`);
    const asking = await group.add('asks', { module, export: 'main' });
    await group.add('s', { module });
    const calling = await group.add('calls', { module: caller, export: 'main', calls: { s: 's' } });
    const run = group.run();
    await until(() => signals.length === 2);
    await group.cancel('asks', 'enough');
    await group.cancel('s', 'enough');
    t.like(await soon(run), { status: 'ended' });
    await t.throwsAsync(asking.result, { instanceOf: PeerError, message: 'enough' });
    await t.throwsAsync(calling.result, { instanceOf: HostError });
    t.deepEqual(
      signals.map(({ aborted }) => aborted),
      [true, true],
    );
    for (const resolve of late) resolve(1);
    const slow = await timed.add('asks', { module, export: 'main' });
    t.like(await soon(timed.run()), { status: 'ended' });
    await t.throwsAsync(slow.result, { instanceOf: HostError, message: /20 ms/ });
    const last = await group.add('last', { module, export: 'main' });
    const going = group.run();
    await until(() => signals.length === 4);
    group.dispose();
    await t.throwsAsync(going, { instanceOf: CancelledError });
    await t.throwsAsync(last.result, { instanceOf: CancelledError });
    t.true(signals[3]?.aborted);
    timed.dispose();
    await works(t);
  });

  test.serial(
    `${engine}: a member that is called after its end may ask services; a host function goes on`,
    async (t) => {
      const host = new URL('../fixtures/host.ts', import.meta.url);
      const srv = { ask: async (n: number) => n + 1, never: () => new Promise(() => {}) };
      using group = pool.group({ engine, services: { srv } });
      const module = await moduleOf(`(import "srv" "ask" (func $ask (param i32) (result i32)))
      (import "srv" "never" (func $never)) (func (export "main")) (func (export "never") (call $never))
      (func (export "serve") (param i32) (result i32) (call $ask (local.get 0)))`);
      const caller = await moduleOf(`(import "s" "serve" (func $serve (param i32) (result i32)))
      (func (export "main") (result i32) (call $serve (i32.const 4)))`);
      const stuck = await moduleOf('(import "s" "never" (func $never)) (func (export "main") (call $never))');
      const later = await moduleOf(`${talking} (import "env" "later" (func $later (param i32) (result i32))) (memory 1)
      (func (export "main") (result i32)
        (drop (call $receive (i32.const 0) (i32.const 0) (i32.const 9))) (call $later (i32.const 4)))`);
      const { sender, receiver } = await group.port();
      await group.add('s', { module, export: 'main' });
      await group.add('other', { module });
      const asked = await group.add('caller', { module: caller, export: 'main', calls: { s: 's' } });
      const waits = await group.add('stuck', { module: stuck, export: 'main', calls: { s: 'other' } });
      const works = await group.add('later', { module: later, export: 'main', host, ports: { in: receiver } });
      const run = group.run();
      t.deepEqual(await soon(asked.result), [5]);
      await group.cancel('other', 'enough');
      await sender.send(bytesOf('go'));
      t.deepEqual(await soon(works.result), [5]);
      await t.throwsAsync(waits.result, { instanceOf: HostError });
      t.like(await soon(run), { status: 'ended' });
      const saved = await group.save();
      const calls = { s: 's' };
      using resumed = pool.resumeGroup(saved, {
        ...{ engine, modules: [module, caller, stuck, later], services: { srv } },
        members: { caller: { calls }, stuck: { calls: { s: 'other' } }, later: { host } },
      });
      const again = await resumed.add('again', { module: caller, export: 'main', calls: { s: 's' } });
      t.like(await soon(resumed.run()), { status: 'ended' });
      t.deepEqual(await again.result, [5]);
      t.true(await t.throwsAsync(resumed.member('stuck').result).then((error) => error instanceof PeerError));
    },
  );

  // Names

  test.serial(`${engine}: names are texts, whatever they say`, async (t) => {
    const odd = ['__proto__', 'constructor', 'toString', '0', '10', '9', ' ', '\u0000', '💥', 'a\nb', 'x'.repeat(200)];
    using group = pool.group({ engine });
    for (const name of odd) {
      const { sender, receiver } = await group.port({ name });
      const back = await group.port({ name: `${name.slice(0, 150)} back` });
      const given = Object.fromEntries([
        [`in ${name}`.slice(0, 150), receiver],
        [name, back.sender],
      ]);
      const member = await group.add(name, { module: mirror, export: 'main', ports: given });
      t.is(group.member(name), member);
      t.is(sender.name, name);
      await sender.send(bytesOf(name));
      sender.close();
      // Numbers come before other names.
      if (['0', '10', '9'].includes(name)) continue;
      const run = group.run({ timeout: 60_000 }).catch((error: unknown) => error);
      t.is(textOf((await soon(back.receiver.receive()))?.bytes ?? bytesOf('')), name);
      t.is(await soon(back.receiver.receive()), undefined);
      await group.run({ timeout: 0 }).catch(() => {});
      await run;
    }
    const saved = await group.save();
    using resumed = pool.resumeGroup(saved, { engine, modules: [mirror] });
    t.deepEqual(
      resumed.members.map(({ name }) => name),
      odd,
    );
    for (const name of ['', 'x'.repeat(201), 3 as unknown as string, Symbol('s') as unknown as string]) {
      await t.throwsAsync(group.add(name, { module: mirror }), { instanceOf: UsageError });
      await t.throwsAsync(group.port({ name }), { instanceOf: UsageError });
      await t.throwsAsync(group.subscribe(name), { instanceOf: UsageError });
      t.throws(() => group.member(name), { instanceOf: UsageError });
      if (typeof name !== 'symbol') t.throws(() => resumed.sender(name), { instanceOf: UsageError });
    }
  });

  test.serial(`${engine}: services of odd names are found by them`, async (t) => {
    for (const name of ['__proto__', 'constructor', 'toString', '']) {
      const services = Object.fromEntries([[name, { ask: (n: number) => n + 1 }]]);
      using group = pool.group({ engine, services });
      const module = await moduleOf(`(import "${name}" "ask" (func $ask (param i32) (result i32)))
        (func (export "main") (result i32) (call $ask (i32.const 2)))`);
      const member = await group.add('m', { module, export: 'main' });
      t.like(await soon(group.run()), { status: 'ended' });
      t.deepEqual(await member.result, [3], name);
      using bare = pool.group({ engine });
      await t.throwsAsync(bare.add('m', { module, export: 'main' }), { instanceOf: LinkError });
      for (const method of ['constructor', 'toString', '__proto__', 'hasOwnProperty']) {
        const asks = await moduleOf(`(import "${name}" "${method}" (func $ask)) (func (export "main") (call $ask))`);
        await t.throwsAsync(group.add('n', { module: asks, export: 'main' }), { instanceOf: LinkError });
        const unchecked = await group.add(`n ${method}`, { module: asks.bytes, export: 'main' });
        await soon(group.run());
        await t.throwsAsync(unchecked.result, { instanceOf: HostError, message: /no method/ });
      }
    }
  });

  test.serial(`${engine}: a service called wasbox answers no call that is the group's`, async (t) => {
    const calls: unknown[] = [];
    const service = { send: (...args: unknown[]) => calls.push(args), receive: () => 7, more: () => 5 };
    using group = pool.group({ engine, services: { wasbox: service } });
    const { sender, receiver } = await group.port();
    const module = await moduleOf(`(import "wasbox" "send" (func $send (param i32 i32 i32) (result i32))) (memory 1)
      (func (export "main") (result i32) (call $send (i32.const 0) (i32.const 0) (i32.const 3)))`);
    const member = await group.add('m', { module, export: 'main', ports: { out: sender } });
    t.like(await soon(group.run()), { status: 'ended' });
    t.deepEqual(await member.result, [0]);
    t.is((await receiver.receive())?.bytes.length, 3);
    t.deepEqual(calls, []);
    const more = await moduleOf(
      '(import "wasbox" "more" (func $more (result i32))) (func (export "main") (drop (call $more)))',
    );
    await t.throwsAsync(group.add('n', { module: more, export: 'main' }), { instanceOf: LinkError });
  });

  test.serial(`${engine}: members that wait for each other are told, and the group goes on`, async (t) => {
    using group = pool.group({ engine });
    const [a, b] = [await group.port(), await group.port()];
    const module = await script(['receive 0 0 10', 'send 1 0 1']);
    await group.add('a', { module, export: 'main', ports: { in: a.receiver, out: b.sender } });
    await group.add('b', { module, export: 'main', ports: { in: b.receiver, out: a.sender.clone() } });
    a.sender.close();
    for (const _ of upTo(3)) await t.throwsAsync(soon(group.run()), { instanceOf: DeadlockError });
    await group.cancel('a');
    t.like(await soon(group.run()), { status: 'ended' });
    t.deepEqual(await group.member('b').result, [codes.closed, codes.closed]);
  });
}

test.serial('what is no name is told so by a resumed group, too', async (t) => {
  const group = pool.group();
  const saved = await group.save();
  group.dispose();
  using resumed = pool.resumeGroup(saved);
  for (const of of ['sender', 'receiver'] as const)
    t.throws(() => resumed[of](Symbol('s') as unknown as string), { instanceOf: UsageError });
});

test.serial('a group of a pool that closes can be suspended', async (t) => {
  const single = new Pool({ threads: 1 });
  t.teardown(() => single.terminate());
  const group = single.group();
  const { receiver } = await group.port({ name: 'in' });
  const module = await script(['receive 0 0 10']);
  const member = await group.add('m', { module, export: 'main', ports: { in: receiver } });
  member.result.catch(() => {});
  const run = group.run();
  run.catch(() => {});
  await until(() => group.fuelUsed > 0 && single.stats.running === 0);
  const closed = single.close();
  const saved = await soon(group.suspend());
  t.deepEqual(saved.members, ['m']);
  t.like(await run, { status: 'suspended' });
  await soon(closed);
});

// What stays

test.serial('what could not be resumed leaves nothing in the pool', async (t) => {
  const group = pool.group();
  await group.add('m', { module: endless });
  const snapshot = await group.save();
  group.dispose();
  for (const _ of upTo(20)) {
    t.throws(() => pool.resumeGroup(snapshot), { instanceOf: UsageError, message: /was not given/ });
    t.throws(() => pool.resumeGroup(bytesOf('nothing')), { code: 'snapshot' });
  }
  t.is(inside(pool).places.size, 0);
  t.is(pool.stats.jobs, 0);
  await works(t);
});

test.serial('a thread that is always busy lets go of groups that are over', async (t) => {
  const single = new Pool({ threads: 1 });
  t.teardown(() => single.terminate());
  const busy = single.group({ sliceFuel: 1000 });
  await busy.add('busy', { module: endless, export: 'main' });
  void busy.run().catch(() => {});
  for (const _ of upTo(60)) {
    const group = single.group();
    await group.port();
    group.dispose();
  }
  const [thread] = inside(single).threads.threads.values();
  t.true((thread?.cold.length ?? 0) < 10, `${thread?.cold.length} are still there`);
  t.true((thread?.saved.size ?? 0) < 10);
});

test.serial('a pool closes once its groups have stopped, however that is', async (t) => {
  for (const how of ['signal', 'timeout', 'dispose'] as const) {
    const single = new Pool({ threads: 1 });
    const group = single.group();
    const { receiver } = await group.port();
    const module = await script(['receive 0 0 10']);
    const member = await group.add('m', { module, export: 'main', ports: { in: receiver } });
    member.result.catch(() => {});
    const controller = new AbortController();
    const run = group.run(how === 'timeout' ? { timeout: 300 } : { signal: controller.signal });
    run.catch(() => {});
    await until(() => group.fuelUsed > 0 && single.stats.running === 0);
    const closed = single.close();
    if (how === 'signal') controller.abort('enough');
    if (how === 'dispose') group.dispose();
    await soon(closed);
    const outcome = await soon(run.catch((error: unknown) => error));
    t.true(
      how === 'dispose' ? outcome instanceof CancelledError : (outcome as { status: string }).status === 'suspended',
    );
  }
});

test.serial('two thousand groups that came and went leave nothing behind', async (t) => {
  t.timeout(600_000);
  const services = { env: { ask: (n: number) => n + 1 } };
  const asks = await moduleOf(`(import "env" "ask" (func $ask (param i32) (result i32)))
    (func (export "main") (param i32) (result i32) (call $ask (local.get 0)))`);
  const one = async (i: number): Promise<void> => {
    const group = pool.group({ engine: engines[i % 2], services, onCrash: i % 5 === 0 ? 'retry' : 'fail' });
    const [into, back] = [await group.port(), await group.port()];
    await group.add('mirror', { module: mirror, export: 'main', ports: { in: into.receiver, out: back.sender } });
    const member = await group.add('asks', { module: asks, export: 'main', args: [i] });
    const run = group.run();
    await into.sender.send(message(i));
    t.is(numberOf((await back.receiver.receive())?.bytes ?? message(-1)), i);
    into.sender.close();
    if (i % 3 === 0) await run;
    else run.catch(() => {});
    member.result.catch(() => {});
    group.dispose();
  };
  const some = async (from: number, count: number): Promise<void> => {
    for (let i = from; i < from + count; i += 20) await Promise.all(upTo(20).map((n) => one(i + n)));
  };
  await some(0, 400);
  const before = await sample(pool);
  await some(400, 1600);
  const after = await sample(pool);
  t.is(inside(pool).places.size, 0);
  for (const thread of inside(pool).threads.threads.values())
    t.deepEqual([thread.cold.length, thread.saved.size], [0, 0]);
  for (const name of ['stores', 'modules', 'memories'] as const) {
    t.true(after.threads[name] <= before.threads[name] + 4, `${name} of the threads: ${after.threads[name]}`);
    t.true(after.main[name] <= before.main[name] + 4, `${name} of the main thread: ${after.main[name]}`);
  }
  // 500 bytes for each would be more.
  t.true(after.threads.heap - before.threads.heap < 2 ** 20 + 800_000, `${before.threads.heap} ${after.threads.heap}`);
  t.true(after.main.heap - before.main.heap < 2 ** 20 + 800_000, `${before.main.heap} ${after.main.heap}`);
});
