// Calls between members on several threads: what crosses, who waits, what goes wrong, and who waits for itself.

import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { Pool, type PoolGroup } from '../../../src/pool/index.ts';
import { DeadlockError } from '../../../src/talk/index.ts';
import { tellsBothStacks } from '../../talk/stacks.ts';
import { moduleOf } from '../../wat.ts';
import { areApart, besideBusy, engines, otherEngine, soon, spinner, talking, until, upTo, widthOf } from './guests.ts';

const waits = '(drop (call $receive (i32.const 0) (i32.const 0) (i32.const 4)))';
const types = 'i32 i64 f32 f64 v128';
/** With `talking`, so that it can have ports. */
const echo = await moduleOf(`${talking} (memory 1) (func (export "all") (param ${types}) (result ${types})
    (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4))
  (func (export "none")) (func (export "one") (param f32) (result f32) (f32.neg (local.get 0)))`);
const asksAll = await moduleOf(`${talking} (import "echo" "all" (func $all (param ${types}) (result ${types})))
  (import "echo" "none" (func $none)) (import "echo" "one" (func $one (param f32) (result f32))) (memory 1)
  (func (export "main") (param ${types}) (result ${types} f32) ${waits}
    (call $none)
    (call $all (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4))
    (call $one (local.get 2)))`);
const v128 = Uint8Array.from({ length: 16 }, (_, i) => 255 - i);
const rows: readonly (readonly [number, bigint, number, number, Uint8Array])[] = [
  [-1, -(2n ** 63n), -0, -0, v128],
  [2 ** 31 - 1, 2n ** 63n - 1n, Number.NaN, Number.NaN, new Uint8Array(16)],
];

const failing = await moduleOf(`${talking} (memory 1) (global $count (mut i32) (i32.const 0))
  (func $deep (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))
  (func (export "divide") (param i32) (result i32)
    (global.set $count (i32.add (global.get $count) (i32.const 1))) (call $deep (local.get 0)))
  (func (export "count") (result i32) (global.get $count))
  (func (export "stuck") (result i32) (call $receive (i32.const 1) (i32.const 0) (i32.const 4)))`);
const asking = (body: string, result = 'i32') =>
  moduleOf(`${talking} (import "failing" "divide" (func $divide (param i32) (result i32)))
    (import "failing" "count" (func $count (result i32))) (import "failing" "stuck" (func $stuck (result i32))) (memory 1)
    (func $outer (result i32) (call $divide (i32.const 0)))
    (func (export "main") (result ${result}) ${waits} ${body})`);
const fails = await asking('(call $outer)');
const counts = await asking('(call $count)');
const sticks = await asking('(call $stuck)');

/** Adds 1, and asks the next. */
const step = await moduleOf(`${talking} (import "next" "sum" (func $next (param i32) (result i32))) (memory 1)
  (func $sum (export "sum") (param i32) (result i32) (call $next (i32.add (local.get 0) (i32.const 1))))
  (func (export "main") (result i32) ${waits} (call $sum (i32.const 0)))`);

/** The same, always busy until it may. */
const spinning = await moduleOf(`${talking} (import "next" "sum" (func $next (param i32) (result i32))) (memory 1)
  (func $sum (export "sum") (param i32) (result i32) (call $next (i32.add (local.get 0) (i32.const 1))))
  (func (export "main") (result i32)
    (loop $l (br_if $l (i32.lt_s (call $try_receive (i32.const 0) (i32.const 0) (i32.const 4)) (i32.const 0))))
    (call $sum (i32.const 0)))`);

/** The innermost cause. */
function rootOf(error: unknown): unknown {
  let cause = error;
  while (cause instanceof Error && cause.cause instanceof Error) cause = cause.cause;
  return cause;
}

/** Of what a member has failed with. */
const rootOfEnd = (group: PoolGroup, name: string): Promise<unknown> =>
  soon(
    group.member(name).result.then(
      () => undefined,
      (error: unknown) => rootOf(error),
    ),
  );

/** Each calls the next, and the last one the first. */
function isRingOf(t: ExecutionContext, error: unknown, names: readonly string[]): void {
  t.true(error instanceof DeadlockError, String(error));
  const { members, message } = error as DeadlockError;
  const at = members.indexOf(names[0] as string);
  t.deepEqual([...members.slice(at), ...members.slice(0, at)], names);
  t.is(message.match(/ calls "/g)?.length, names.length);
}

function poolOf(t: ExecutionContext, threads: number): Pool {
  const pool = new Pool({ threads });
  t.teardown(() => pool.terminate());
  return pool;
}

for (const engine of engines) {
  test.serial(`${engine}: numbers of all types cross between threads, there and back`, async (t) => {
    const group = poolOf(t, 2).group({ engine, threads: 2 });
    const calls = { echo: { member: 'echo', module: echo } };
    const { apart, go, rest } = await besideBusy(group, {
      'user 0': { module: asksAll, export: 'main', args: rows[0], calls },
      echo: { module: echo },
    });
    const lets = await group.port();
    const ports = { go: lets.receiver };
    await group.add('user 1', { module: asksAll, export: 'main', args: rows[1], calls, ports });
    const run = group.run();
    run.catch(() => {});
    await apart();
    await go('user 0');
    await lets.sender.send(new Uint8Array(1));
    for (const [i, args] of rows.entries())
      t.deepEqual(await soon(group.member(`user ${i}`).result), [...args, -args[2]], `${i}`);
    await rest();
    t.like(await soon(run), { status: 'ended' });
  });

  test.serial(`${engine}: what a call of another thread fails with tells both stacks`, async (t) => {
    const group = poolOf(t, 2).group({ engine, threads: 2 });
    const calls = { failing: { member: 'failing', module: failing } };
    const { apart, go, rest } = await besideBusy(group, {
      asks: { module: fails, export: 'main', calls },
      failing: { module: failing },
    });
    const later = await group.port();
    await group.add('counts', { module: counts, export: 'main', calls, ports: { go: later.receiver } });
    const run = group.run();
    run.catch(() => {});
    await apart();
    await go('asks');
    await tellsBothStacks(t, soon(group.member('asks').result));
    await later.sender.send(new Uint8Array(1));
    t.deepEqual(await soon(group.member('counts').result), [1]);
    await rest();
    t.like(await soon(run), { status: 'ended' });
  });

  test.serial(
    `${engine}: a call waits while its callee is busy, is saved so, and is not done once nobody wants it`,
    async (t) => {
      const pool = poolOf(t, 2);
      const group = pool.group({ engine, threads: 2 });
      const wait = await group.port({ name: 'wait' });
      const calls = { failing: { member: 'failing', module: failing } };
      const { apart, go, rest } = await besideBusy(group, {
        sticks: { module: sticks, export: 'main', calls },
        failing: { module: failing, ports: { wait: wait.receiver } },
      });
      const lets = [];
      for (const i of upTo(2)) {
        const { sender, receiver } = await group.port({ name: `lets ${i}` });
        const module = i === 0 ? fails : counts;
        await group.add(`asks ${i}`, { module, export: 'main', calls, ports: { go: receiver } });
        lets.push(sender);
      }
      const run = group.run();
      run.catch(() => {});
      await apart();
      // It is served until somebody sends to its callee; the others wait behind it.
      await go('sticks');
      for (const sender of lets) await sender.send(new Uint8Array(1));
      await sleep(30);
      const saved = (await group.save()).encode();
      t.is(group.member('asks 1').outcome, undefined);
      await group.cancel('asks 0');
      await wait.sender.send(new Uint8Array(1));
      t.deepEqual(await soon(group.member('sticks').result), [1]);
      t.deepEqual(await soon(group.member('asks 1').result), [0], 'a call was done that nobody wanted');
      await rest();
      t.like(await soon(run), { status: 'ended' });
      // As it was saved, both were under way.
      const modules = [failing, sticks, fails, counts];
      const names = ['sticks', 'asks 0', 'asks 1'];
      const again = pool.resumeGroup(saved, {
        ...{ engine: otherEngine(engine), threads: 2, modules: [...modules, spinner] },
        members: Object.fromEntries(names.map((name) => [name, { calls }])),
      });
      const going = again.run();
      going.catch(() => {});
      await again.sender('wait').send(new Uint8Array(1));
      t.deepEqual(await soon(again.member('sticks').result), [1]);
      t.deepEqual(await soon(again.member('asks 1').result), [1]);
      t.true(rootOf(await again.member('asks 0').result.catch((error: unknown) => error)) instanceof Error);
      again.dispose();
      await t.throwsAsync(going);
    },
  );

  test.serial(
    `${engine}: a callee that is cancelled, and one that has failed, is told on the other thread`,
    async (t) => {
      const group = poolOf(t, 2).group({ engine, threads: 2 });
      const wait = await group.port();
      const calls = { failing: { member: 'failing', module: failing } };
      const { apart, go, rest } = await besideBusy(group, {
        sticks: { module: sticks, export: 'main', calls },
        failing: { module: failing, ports: { wait: wait.receiver } },
      });
      const late = await group.port();
      await group.add('late', { module: counts, export: 'main', calls, ports: { go: late.receiver } });
      const run = group.run();
      run.catch(() => {});
      await apart();
      await go('sticks');
      await sleep(20);
      await group.cancel('failing', 'enough');
      const error = await t.throwsAsync(soon(group.member('sticks').result), {
        message: /"stuck" of "failing" failed/,
      });
      t.is((rootOf(error) as Error).message, 'enough');
      await late.sender.send(new Uint8Array(1));
      await t.throwsAsync(soon(group.member('late').result), { message: /"count" of "failing" cannot be called/ });
      await rest();
      t.like(await soon(run), { status: 'ended' });
    },
  );

  test.serial(`${engine}: a ring of calls through two threads is an error that names it`, async (t) => {
    const group = poolOf(t, 2).group({ engine, threads: 2 });
    const { apart, go, rest } = await besideBusy(group, {
      one: { module: step, export: 'main', calls: { next: { member: 'two', module: step } } },
      two: { module: step, calls: { next: { member: 'one', module: step } } },
    });
    const run = group.run();
    run.catch(() => {});
    await apart();
    await go('one');
    const root = await rootOfEnd(group, 'one');
    isRingOf(t, root, ['one', 'two']);
    await rest();
    t.like(await soon(run), { status: 'ended' });
  });

  test.serial(`${engine}: a ring of calls through three threads is one, too, whoever closes it`, async (t) => {
    const group = poolOf(t, 3).group({ engine, threads: 3 });
    const names = upTo(3).map((i) => `member ${i}`);
    const go = [];
    for (const [i, name] of names.entries()) {
      const { sender, receiver } = await group.port();
      const calls = { next: { member: names[(i + 1) % 3] as string, module: spinning } };
      await group.add(name, { module: spinning, export: 'main', calls, ports: { go: receiver } });
      go.push(sender);
    }
    const run = group.run();
    run.catch(() => {});
    await areApart(group, ...names);
    for (const sender of go) {
      await sender.send(new Uint8Array(1));
      await sleep(20);
    }
    const roots = [];
    for (const name of names) roots.push(await rootOfEnd(group, name));
    t.true(roots.every((root) => root instanceof Error));
    isRingOf(
      t,
      roots.find((root) => root instanceof DeadlockError),
      names,
    );
    t.like(await soon(run), { status: 'ended' });
  });

  test.serial(`${engine}: members that call each other at the same time end with an error`, async (t) => {
    const group = poolOf(t, 2).group({ engine, threads: 2 });
    const { apart, go, rest } = await besideBusy(group, {
      one: { module: step, export: 'main', calls: { next: { member: 'two', module: step } } },
      two: { module: step, export: 'main', calls: { next: { member: 'one', module: step } } },
    });
    const run = group.run();
    run.catch(() => {});
    await apart();
    await Promise.all([go('one'), go('two')]);
    const roots = [await rootOfEnd(group, 'one'), await rootOfEnd(group, 'two')];
    t.true(roots.every((root) => root instanceof Error));
    isRingOf(
      t,
      roots.find((root) => root instanceof DeadlockError),
      ['one', 'two'],
    );
    await rest();
    t.like(await soon(run), { status: 'ended' });
  });

  test.serial(`${engine}: who calls another one all the time is soon on the same thread`, async (t) => {
    const group = poolOf(t, 2).group({ engine, threads: 2 });
    const asks = await moduleOf(`(import "failing" "count" (func $count (result i32)))
      (func (export "main") (loop $l (drop (call $count)) (br $l)))`);
    await group.add('failing', { module: failing });
    await group.add('asks', { module: asks, export: 'main', calls: { failing: 'failing' } });
    const run = group.run();
    await areApart(group, 'asks', 'failing');
    const { balance } = (group as unknown as { driver: { balance: { mayBeSplit: boolean } } }).driver;
    await until(() => !balance.mayBeSplit);
    t.is(widthOf(group), 1);
    group.dispose();
    await t.throwsAsync(run);
  });

  test.serial(`${engine}: a call that nobody can end any more is a deadlock, which names all`, async (t) => {
    const group = poolOf(t, 2).group({ engine, threads: 2 });
    const { sender, receiver } = await group.port();
    const calls = { failing: { member: 'failing', module: failing } };
    const { apart, go, rest } = await besideBusy(group, {
      sticks: { module: sticks, export: 'main', calls, ports: { wait: sender } },
      failing: { module: failing, ports: { wait: receiver } },
    });
    const run = group.run();
    run.catch(() => {});
    await apart();
    await go('sticks');
    await sleep(20);
    await rest();
    const error = await t.throwsAsync(soon(run), {
      instanceOf: DeadlockError,
      message: /"sticks" for a call of "failing"/,
    });
    t.deepEqual(error?.members.toSorted(), ['failing', 'sticks']);
  });
}
