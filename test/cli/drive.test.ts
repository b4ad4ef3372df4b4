// A program that is driven through its calls, and asked to stop at any time: nothing of it is lost.

import test from 'ava';
import { Calls } from '../../src/cli/go/course.ts';
import { drive, type End } from '../../src/cli/go/drive.ts';
import { asyncHostFunction, hostFunction, Snapshot, VM } from '../../src/index.ts';
import { moduleOf } from '../wat.ts';

const imports = {
  env: {
    twice: hostFunction(['i32'], ['i32'], (n) => 2 * (n as number)),
    later: asyncHostFunction(['i32'], ['i32'], async (n) => (n as number) + 1),
    never: asyncHostFunction([], ['i32'], () => new Promise<number>(() => {})),
  },
};
const module = await moduleOf(`
  (import "env" "twice" (func $twice (param i32) (result i32)))
  (import "env" "later" (func $later (param i32) (result i32)))
  (import "env" "never" (func $never (result i32)))
  (export "twice" (func $twice)) (export "later" (func $later)) (export "never" (func $never))
  (global $n (mut i32) (i32.const 0))
  (func (export "count") (param i32) (result i32)
    (loop $more
      (global.set $n (i32.add (global.get $n) (i32.const 1)))
      (br_if $more (i32.lt_u (global.get $n) (local.get 0))))
    (global.get $n))
  (func (export "ask") (result i32) (i32.add (call $never) (call $later (i32.const 1))))`);

const fresh = (): VM => {
  const vm = new VM();
  vm.instantiate(module, imports);
  return vm;
};
const call = (name: string, ...args: string[]) => ({ export: name, args });
const unbounded = Number.POSITIVE_INFINITY;
const valuesOf = (end: End): unknown =>
  end.status === 'returned' && 'values' in end.finished ? end.finished.values.map(({ value }) => value) : end;

test('calls are made in turn, those of host functions, too', async (t) => {
  const calls = [call('count', '1000'), call('twice', '21')];
  t.deepEqual(valuesOf(await drive(fresh(), new Calls(calls), { fuel: unbounded })), [42]);
  const later = new Calls([call('twice', '1'), call('later', '41')]);
  t.deepEqual(valuesOf(await drive(fresh(), later, { fuel: unbounded })), [42]);
  t.deepEqual(valuesOf(await drive(fresh(), new Calls([]), { fuel: unbounded })), []);
});

test('one that is to stop before it has begun loses no result and no call', async (t) => {
  const stop = AbortSignal.abort('SIGINT');
  for (const name of ['twice', 'later', 'count']) {
    const course = new Calls([call(name, '1'), call('count', '50000000')]);
    const vm = fresh();
    const end = await drive(vm, course, { fuel: unbounded, stop });
    t.deepEqual(end, { status: 'suspended', why: 'interrupt' }, name);
    const saved = Snapshot.decode(new Snapshot(vm.save().data, { modules: [], ...course.extras }).encode());
    const twin = VM.restore(saved, { modules: [module], imports });
    const rest = new Calls(saved.extras.calls, ['i32']);
    t.deepEqual(valuesOf(await drive(twin, rest, { fuel: unbounded })), [50_000_000], name);
  }
  const short = new Calls([call('twice', '4')]);
  t.deepEqual(valuesOf(await drive(fresh(), short, { fuel: unbounded, stop })), [8]);
});

test('one that waits stops at once, and waits again elsewhere', async (t) => {
  for (const name of ['never', 'ask']) {
    const controller = new AbortController();
    const vm = fresh();
    const ending = drive(vm, new Calls([call(name)]), { fuel: unbounded, stop: controller.signal });
    setTimeout(() => controller.abort('SIGTERM'), 20);
    t.deepEqual(await ending, { status: 'suspended', why: 'interrupt' });
    const answering = { env: { ...imports.env, never: asyncHostFunction([], ['i32'], async () => 40) } };
    const twin = VM.restore(vm.save().encode(), { modules: [module], imports: answering });
    const expected = name === 'ask' ? 42 : 40;
    t.deepEqual(valuesOf(await drive(twin, new Calls([], ['i32']), { fuel: unbounded })), [expected]);
  }
});

test('the reason tells time from interruption, and fuel is the same however it is granted', async (t) => {
  const endless = new Calls([call('count', '4000000000')]);
  const end = await drive(fresh(), endless, { fuel: unbounded, stop: AbortSignal.timeout(50) });
  t.deepEqual(end, { status: 'suspended', why: 'timeout' });
  const [once, cut] = [fresh(), fresh()];
  await drive(once, new Calls([call('count', '300000')]), { fuel: unbounded });
  const course = new Calls([call('count', '300000')]);
  let slices = 0;
  while ((await drive(cut, course, { fuel: 100_000 })).status === 'suspended') slices++;
  t.true(slices > 5);
  t.is(cut.fuelUsed, once.fuelUsed);
});
