// Groups on a pool: what a host does with them, on both engines. What guests do is that of groups on one thread (test/talk).

import test from 'ava';
import { HostError, LimitError, LinkError, MalformedError, Trap, UsageError } from '../../../src/index.ts';
import { CancelledError, Pool, type PoolReceiver, PoolSender } from '../../../src/pool/index.ts';
import { ClosedError, DeadlockError, Group, PeerError } from '../../../src/talk/index.ts';
import { moduleOf } from '../../wat.ts';
import { bytesOf, echo, engines, otherEngine, script, talking, textOf } from './guests.ts';

const double = await moduleOf(
  '(func (export "double") (param i32) (result i32) (i32.add (local.get 0) (local.get 0)))',
);
const asksDouble = await moduleOf(`(import "math" "double" (func $double (param i32) (result i32)))
  (func (export "main") (param i32) (result i32) (call $double (call $double (local.get 0))))`);
const fails = await moduleOf('(func (export "main") unreachable)');
const endless = await moduleOf('(func (export "main") (loop $l (br $l)))');
const asks = await moduleOf(`(import "env" "ask" (func $ask (param i32) (result i64)))
  (func (export "main") (param i32) (result i64) (call $ask (local.get 0)))`);
const text = async (receiver: PoolReceiver) => {
  const message = await receiver.receive();
  return message && textOf(message.bytes);
};

for (const engine of engines) {
  test(`${engine}: messages go in and come out, in order`, async (t) => {
    await using pool = new Pool({ threads: 2 });
    using group = pool.group({ engine });
    const [a, b] = await Promise.all([group.port({ name: 'in' }), group.port()]);
    t.is(a.sender.name, 'in');
    const ports = { in: a.receiver, out: b.sender };
    const member = await group.add('echo', { module: await echo(5), export: 'main', ports });
    const run = group.run();
    for (const word of ['one', 'two', 'six', 'ten', 'end']) void a.sender.send(bytesOf(word));
    const got: string[] = [];
    for await (const { bytes, ports } of b.receiver) {
      got.push(textOf(bytes));
      t.is(ports.length, 0);
    }
    // The member has ended, and nobody else had the sending end.
    t.deepEqual(got, ['one', 'two', 'six', 'ten', 'end']);
    t.deepEqual(await member.result, [3, 0, 3, 0, 3, 0, 3, 0, 3, 0]);
    const outcome = await run;
    t.deepEqual(outcome.status === 'ended' && [...outcome.members.keys()], ['echo']);
    t.is(group.member('echo'), member);
    t.like(member.outcome, { status: 'returned' });
  });

  test(`${engine}: more than ports hold waits for room, and closing waits for what is sent`, async (t) => {
    await using pool = new Pool({ threads: 1 });
    using group = pool.group({ engine });
    const { sender, receiver } = await group.port({ messages: 2, bytes: 1000 });
    const sent = Array.from({ length: 300 }, (_, i) => sender.send(bytesOf(`${i}`)));
    sender.close();
    const got: string[] = [];
    const run = group.run().catch((error: unknown) => error);
    for await (const { bytes } of receiver) got.push(textOf(bytes));
    await Promise.all(sent);
    t.deepEqual(
      got,
      Array.from({ length: 300 }, (_, i) => `${i}`),
    );
    await t.throwsAsync(sender.send(bytesOf('more')), { instanceOf: UsageError, message: /closed or given away/ });
    t.like(await run, { status: 'ended' });
  });

  test(`${engine}: calls between members, and a callee that comes later`, async (t) => {
    await using pool = new Pool({ threads: 1 });
    using group = pool.group({ engine });
    await t.throwsAsync(
      group.add('early', { module: asksDouble, export: 'main', args: [3], calls: { math: 'math' } }),
      { instanceOf: UsageError, message: /no member "math" yet/ },
    );
    const calls = { math: { member: 'math', module: double } };
    const early = await group.add('early', { module: asksDouble, export: 'main', args: [3], calls });
    await group.add('math', { module: double });
    const late = await group.add('late', { module: asksDouble, export: 'main', args: [4], calls: { math: 'math' } });
    await group.run();
    t.deepEqual([await early.result, await late.result], [[12], [16]]);
  });

  test(`${engine}: a service is told who asks, and its failures are the guest's`, async (t) => {
    const calls: unknown[] = [];
    const env = {
      ask(n: number, { job, id, signal }: { job: string; id: number; signal: AbortSignal }) {
        calls.push([n, job, id, signal.aborted]);
        if (n === 1) throw new RangeError('not one');
        if (n === 2) return 'two';
        return Promise.resolve(n * 10);
      },
    };
    await using pool = new Pool({ threads: 1, services: { env } });
    using group = pool.group({ engine, identity: 'g' });
    const members = await Promise.all(
      [0, 1, 2].map((n) => group.add(`m${n}`, { module: asks, export: 'main', args: [n] })),
    );
    await group.run();
    t.deepEqual(await members[0]?.result, [0n]);
    const failed = await t.throwsAsync(members[1]?.result ?? Promise.resolve(), { instanceOf: HostError });
    t.true(failed?.cause instanceof RangeError);
    await t.throwsAsync(members[2]?.result ?? Promise.resolve(), { instanceOf: HostError });
    // On several threads they come in no order.
    t.deepEqual(calls.toSorted(), [
      [0, 'g/m0', 1, false],
      [1, 'g/m1', 1, false],
      [2, 'g/m2', 1, false],
    ]);
  });

  test(`${engine}: ends go along with messages, out and in again`, async (t) => {
    await using pool = new Pool({ threads: 1 });
    using group = pool.group({ engine });
    const [toHost, toGuest] = [await group.port(), await group.port()];
    // Makes a port, sends its sending end out, receives an end, and sends through that.
    const module = await script(
      [
        'make 4 100 0',
        'store 16 @4',
        'send_ports 0 1024 2 4 1',
        'receive_ports 1 2048 10 32 1 40',
        'receive 2 2048 100',
        'send @32 2048 3',
      ],
      'hi',
    );
    void module;
    const member = await group.add('m', {
      module,
      export: 'main',
      ports: { out: toHost.sender, in: toGuest.receiver },
    });
    const run = group.run();
    const first = await toHost.receiver.receive();
    t.is(first && textOf(first.bytes), 'hi');
    const [end] = first?.ports ?? [];
    if (!(end instanceof PoolSender)) return t.fail('no sender came along');
    const reply = await group.port();
    await toGuest.sender.send(bytesOf('!'), { ports: [reply.sender] });
    t.throws(() => reply.sender.clone(), { instanceOf: UsageError });
    await end.send(bytesOf('abc'));
    t.is(await text(reply.receiver), 'abc');
    await run;
    t.is((await member.result).length, 5);
  });

  test(`${engine}: saved, gone on with on another engine and without threads; forked`, async (t) => {
    await using pool = new Pool({ threads: 2 });
    using group = pool.group({ engine });
    const [a, b] = [await group.port({ name: 'in' }), await group.port({ name: 'out' })];
    const module = await echo(2);
    await group.add('echo', { module, export: 'main', ports: { in: a.receiver, out: b.sender } });
    const run = group.run();
    await a.sender.send(bytesOf('one'));
    t.is(await text(b.receiver), 'one');
    const fork = await group.fork();
    const saved = (await group.save()).encode();
    for (const each of [fork, pool.resumeGroup(saved, { engine: otherEngine(engine), modules: [module.bytes] })]) {
      const going = each.run();
      await each.sender('in').send(bytesOf('two'));
      t.is(await text(each.receiver('out')), 'two');
      t.like(await going, { status: 'ended' });
      t.deepEqual(await each.member('echo').result, [3, 0, 3, 0]);
      t.throws(() => each.receiver('in'), { instanceOf: UsageError });
      each.dispose();
    }
    const local = Group.restore(saved, { engine: otherEngine(engine), modules: [module] });
    const going = local.run();
    await local.sender('in').send(bytesOf('six'));
    t.is(textOf((await local.receiver('out').receive())?.bytes ?? bytesOf('')), 'six');
    await going;
    await a.sender.send(bytesOf('end'));
    t.is(await text(b.receiver), 'end');
    await run;
  });

  test(`${engine}: suspended, it is over here and goes on there`, async (t) => {
    await using pool = new Pool({ threads: 1 });
    const group = pool.group({ engine, sliceFuel: 1000 });
    const [a, b] = [await group.port({ name: 'in' }), await group.port({ name: 'out' })];
    const module = await echo(1);
    await group.add('busy', { module: endless, export: 'main' });
    await group.add('echo', { module, export: 'main', ports: { in: a.receiver, out: b.sender } });
    const run = group.run();
    const waiting = b.receiver.receive();
    await a.sender.send(bytesOf('one'));
    t.is(textOf((await waiting)?.bytes ?? bytesOf('')), 'one');
    const never = t.throwsAsync(
      b.receiver
        .clone()
        .receive()
        .then((message) => message ?? Promise.reject(new Error('over'))),
    );
    const snapshot = await group.suspend();
    t.deepEqual(await run, { status: 'suspended', reason: { kind: 'pause' } });
    await never;
    await t.throwsAsync(group.run(), { instanceOf: CancelledError });
    await t.throwsAsync(a.sender.send(bytesOf('two')), { instanceOf: CancelledError });
    const resumed = pool.resumeGroup(snapshot, { engine: otherEngine(engine), modules: [module, endless] });
    await resumed.cancel('busy', 'enough');
    t.like(await resumed.run(), { status: 'ended' });
    t.deepEqual(await resumed.member('echo').result, [3, 0]);
    const failed = await t.throwsAsync(resumed.member('busy').result, { instanceOf: PeerError });
    t.is(failed?.message, 'enough');
    resumed.dispose();
  });

  test(`${engine}: what members fail with, and what ends them`, async (t) => {
    await using pool = new Pool({ threads: 1 });
    using group = pool.group({ engine, sliceFuel: 1000 });
    const trapped = await group.add('trap', { module: fails, export: 'main' });
    const burnt = await group.add('burn', { module: endless, export: 'main', fuel: 5000 });
    t.like(await group.run(), { status: 'ended' });
    const trap = await t.throwsAsync(trapped.result, { instanceOf: Trap });
    t.like(trap, { kind: 'unreachable' });
    await t.throwsAsync(burnt.result, { instanceOf: LimitError, message: /fuel of 5000/ });
  });

  test(`${engine}: a run stops by its time and its signal, and goes on`, async (t) => {
    await using pool = new Pool({ threads: 1 });
    using group = pool.group({ engine, sliceFuel: 1000 });
    await group.add('busy', { module: endless, export: 'main' });
    t.deepEqual(await group.run({ timeout: 20 }), { status: 'suspended', reason: { kind: 'timeout' } });
    const controller = new AbortController();
    const run = group.run({ signal: controller.signal });
    await t.throwsAsync(group.run(), { instanceOf: UsageError, message: /running already/ });
    setTimeout(() => controller.abort('why'), 5);
    t.deepEqual(await run, { status: 'suspended', reason: { kind: 'signal', cause: 'why' } });
    t.deepEqual(await group.run({ signal: AbortSignal.abort('at once') }), {
      status: 'suspended',
      reason: { kind: 'signal', cause: 'at once' },
    });
    // It holds no thread while it is stopped.
    t.deepEqual(await pool.submit({ module: double, export: 'double', args: [4] }).result, [8]);
  });
}

test('members that wait for each other are told, and one can be cancelled', async (t) => {
  await using pool = new Pool({ threads: 1 });
  using group = pool.group();
  const port = await group.port();
  const module = await script(['receive 0 0 10']);
  const ports = { in: port.receiver };
  const member = await group.add('waits', {
    module: await script(['receive 1 0 10']),
    export: 'main',
    ports: { out: port.sender.clone(), ...ports },
  });
  port.sender.close();
  const error = await t.throwsAsync(group.run(), { instanceOf: DeadlockError });
  t.deepEqual((error as DeadlockError).members, ['waits']);
  await group.cancel('waits', 'no hope');
  t.like(await group.run(), { status: 'ended' });
  await t.throwsAsync(member.result, { message: 'no hope' });
  t.true(module.exports.length > 0);
});

test('a group that waits needs no thread, and its members wake by time', async (t) => {
  await using pool = new Pool({ threads: 1 });
  using group = pool.group();
  const { receiver } = await group.port();
  const member = await group.add('waits', {
    module: await moduleOf(`${talking} (memory 1)
    (func (export "main") (result i32) (call $poll (i32.const 0) (i32.const 0) (i64.const 60000000)))`),
    export: 'main',
    ports: { in: receiver },
  });
  const run = group.run();
  t.deepEqual(await pool.submit({ module: double, export: 'double', args: [4] }).result, [8]);
  await run;
  t.is((await member.result).length, 1);
});

test('topics', async (t) => {
  await using pool = new Pool({ threads: 1 });
  using group = pool.group();
  const [first, second] = await Promise.all([group.subscribe('news'), group.subscribe('news', { name: 'mine' })]);
  t.deepEqual([first.name, second.name], ['news', 'mine']);
  const module = await script(['publish 1024 4 1028 5'], 'newshello');
  const member = await group.add('m', { module, export: 'main' });
  await group.run();
  t.deepEqual(await member.result, [2]);
  t.deepEqual([await text(first), await text(second)], ['hello', 'hello']);
});

test('who gives up waiting takes no message away, and one given up is not sent', async (t) => {
  await using pool = new Pool({ threads: 1 });
  using group = pool.group();
  const { sender, receiver } = await group.port({ messages: 1 });
  const controller = new AbortController();
  const waiting = receiver.receive({ signal: controller.signal });
  const sent = sender.send(bytesOf('one'));
  controller.abort(new Error('enough'));
  await t.throwsAsync(waiting, { message: 'enough' });
  await sent;
  const late = new AbortController();
  const second = sender.send(bytesOf('two'), { signal: late.signal });
  setTimeout(() => late.abort(new Error('late')), 30);
  await t.throwsAsync(second, { message: 'late' });
  await t.throwsAsync(sender.send(bytesOf('x'), { signal: AbortSignal.abort(new Error('before')) }), {
    message: 'before',
  });
  t.is(await text(receiver), 'one');
  await sender.send(bytesOf('three'));
  t.is(await text(receiver), 'three');
});

test('closing with a reason is told to whoever sends and receives', async (t) => {
  await using pool = new Pool({ threads: 1 });
  using group = pool.group();
  const { sender, receiver } = await group.port();
  const clone = receiver.clone();
  receiver.close('no more');
  const error = await t.throwsAsync(sender.send(bytesOf('x')), { instanceOf: ClosedError });
  t.is((error as ClosedError).reason, 'no more');
  t.is(await clone.receive(), undefined);
  await t.throwsAsync(receiver.receive(), { instanceOf: UsageError });
  const other = await group.port();
  const pending = other.receiver.receive();
  other.receiver.close();
  await t.throwsAsync(pending, { instanceOf: UsageError });
  await t.throwsAsync(other.sender.send(bytesOf('x')), { instanceOf: ClosedError });
});

test('what is wrong is told at once, and harms nothing', async (t) => {
  await using pool = new Pool({ threads: 1, services: { env: { ask: () => 1 } } });
  t.throws(() => pool.group({ sliceFuel: 0 }), { instanceOf: UsageError });
  t.throws(() => pool.group({ onCrash: 'never' as 'fail' }), { instanceOf: UsageError });
  using group = pool.group({ limits: { ports: 3, members: 2 } });
  using other = pool.group();
  const { sender, receiver } = await group.port({ name: 'p' });
  await t.throwsAsync(group.port({ name: 'p' }), { instanceOf: UsageError, message: /port "p" already/ });
  await t.throwsAsync(group.port({ messages: 0 }), { instanceOf: UsageError });
  await t.throwsAsync(group.add('', { module: double }), { instanceOf: UsageError });
  await t.throwsAsync(group.add('m', { module: double, ports: { x: receiver } }), {
    instanceOf: UsageError,
    message: /no use for ports/,
  });
  await t.throwsAsync(receiver.receive(), { instanceOf: UsageError });
  await t.throwsAsync(other.add('m', { module: await echo(), ports: { x: sender } }), {
    instanceOf: UsageError,
    message: /another group/,
  });
  await t.throwsAsync(group.add('m', { module: new Uint8Array([1, 2, 3]) }), { instanceOf: MalformedError });
  await t.throwsAsync(group.add('m', { module: asksDouble }), { instanceOf: LinkError });
  await t.throwsAsync(group.add('m', { module: double, export: 'triple' }), { message: /triple/ });
  await t.throwsAsync(group.add('m', { module: double, export: 'double', args: ['x' as unknown as number] }), {
    instanceOf: UsageError,
  });
  await t.throwsAsync(group.cancel('m'), { instanceOf: UsageError, message: /no member "m"/ });
  await group.add('a', { module: double });
  await t.throwsAsync(group.add('a', { module: double }), { instanceOf: UsageError, message: /member "a" already/ });
  await group.add('b', { module: double });
  await t.throwsAsync(group.add('c', { module: double }), { instanceOf: LimitError });
  await t.throwsAsync(sender.send('text' as unknown as Uint8Array), { instanceOf: UsageError });
  await t.throwsAsync(sender.send(new Uint8Array(2 ** 20 + 1)), { message: /port "p"/ });
  await t.throwsAsync(sender.send(bytesOf('x'), { ports: [sender] }), { instanceOf: UsageError });
  t.throws(() => pool.resumeGroup(bytesOf('nothing')), { code: 'snapshot' });
  const saved = await group.save();
  t.throws(() => pool.resumeGroup(saved), { instanceOf: UsageError, message: /is needed, and was not given/ });
});

test('a group is over with its pool', async (t) => {
  const pool = new Pool({ threads: 1 });
  const [idle, busy] = [pool.group(), pool.group({ sliceFuel: 1000 })];
  const { receiver } = await idle.port();
  const waiting = receiver.receive();
  await busy.add('busy', { module: endless, export: 'main' });
  const run = busy.run();
  const closed = pool.close();
  await t.throwsAsync(waiting, { instanceOf: UsageError, message: /closed/ });
  t.throws(() => pool.group(), { instanceOf: UsageError, message: /closed/ });
  await busy.cancel('busy');
  t.like(await run, { status: 'ended' });
  await closed;
  const second = new Pool({ threads: 1 });
  const group = second.group();
  await group.add('busy', { module: endless, export: 'main' });
  const going = t.throwsAsync(group.run(), { instanceOf: CancelledError });
  const member = t.throwsAsync(group.member('busy').result, { instanceOf: CancelledError });
  await second.terminate();
  await going;
  await member;
});
