// What crosses between guest and host and is dropped at once does not stay: not in the VM, not in a snapshot.

import test from 'ava';
import { hostFunction, type Module, UsageError, VM } from '../../src/index.ts';
import type { Ref } from '../../src/runtime/heap/ref.ts';
import { bounds } from '../../src/runtime/kept/bounds.ts';
import { collectedUntil } from '../gc.ts';
import { moduleOf } from '../wat.ts';

const looped = (body: string) =>
  `(param i32) (loop ${body} (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))`;

const passing = moduleOf(`
  (import "host" "make" (func $make (result externref)))
  (import "host" "take" (func $take (param externref)))
  (table $table (export "table") 10 externref)
  (global $held (export "held") (mut externref) (ref.null extern))
  (func (export "pass") ${looped('(call $take (call $make))')})
  (func (export "hold") ${looped('(table.set $table (i32.rem_u (local.get 0) (i32.const 10)) (call $make))')})
  (func (export "nest") (param externref i32) (result externref)
    (if (i32.eqz (local.get 1)) (then (call $take (call $make)) (return (local.get 0))))
    (call $take (call 2 (call $make) (i32.const 50)))
    (local.get 0))
  (func (export "stop") (drop (call $make)) (loop (br 0)))`);

const take = hostFunction(['externref'], [], () => undefined);
const engines = ['interpreter', 'native'] as const;

function passer(engine: (typeof engines)[number], module: Module, make: () => unknown, take: (value: unknown) => void) {
  const vm = new VM({ engine });
  const imports = { make: hostFunction([], ['externref'], make), take: hostFunction(['externref'], [], take) };
  vm.instantiate(module, { host: imports });
  return vm;
}

for (const engine of engines) {
  test(`values of the host that a guest drops are gone in one run: ${engine}`, async (t) => {
    let taken = 0;
    const vm = passer(
      engine,
      await passing,
      () => ({}),
      () => taken++,
    );
    vm.start(vm.instance().func('pass'), [20_000]);
    t.is(vm.run().status, 'returned');
    t.is(taken, 20_000);
    t.true(vm.store.externs.length <= 2 * bounds.idleHostValues);
    t.is(vm.save().data.externs.length, 0);
  });

  test(`those that a guest keeps stay, and are saved: ${engine}`, async (t) => {
    let made = 0;
    const vm = passer(
      engine,
      await passing,
      () => ({ number: made++ }),
      () => undefined,
    );
    const instance = vm.instance();
    const first = { number: -1 };
    instance.global('held').value = first;
    vm.start(instance.func('hold'), [20_000]);
    t.is(vm.run().status, 'returned');
    const table = instance.table('table');
    const numbers = (of: VM) =>
      Array.from({ length: 10 }, (_, i) => (of.instance().table('table').get(i) as { number: number }).number);
    t.deepEqual(
      numbers(vm).toSorted(),
      Array.from({ length: 10 }, (_, i) => 19_990 + i),
    );
    t.is(instance.global('held').value, first);
    t.true(vm.store.externs.length <= 2 * bounds.idleHostValues);
    const fork = vm.fork();
    t.is(fork.store.externs.length, 11);
    t.deepEqual(numbers(fork), numbers(vm));
    const other = engines[1 - engines.indexOf(engine)] as (typeof engines)[number];
    const host = { make: hostFunction([], ['externref'], () => ({ number: made++ })), take };
    const hopped = VM.restore(vm.save().encode(), { modules: [await passing], imports: { host }, engine: other });
    t.deepEqual(numbers(hopped), numbers(vm));
    hopped.start(hopped.instance().func('hold'), [5000]);
    t.is(hopped.run().status, 'returned');
    t.is(hopped.save().data.externs.length, 11);
    for (let i = 0; i < 5000; i++) table.set(0, { number: i });
    t.true(vm.store.externs.length <= 2 * bounds.idleHostValues);
    t.is((table.get(0) as { number: number }).number, 4999);
  });

  test(`a value that cannot be copied and was dropped forbids no snapshot; one that is held does: ${engine}`, async (t) => {
    const vm = passer(
      engine,
      await passing,
      () => () => 1,
      () => undefined,
    );
    vm.start(vm.instance().func('stop'));
    t.is(vm.run({ fuel: 1000 }).status, 'suspended');
    t.is(vm.save().data.externs.length, 0);
    vm.instance().global('held').value = () => 1;
    t.throws(() => vm.save(), { message: /cannot be copied/ });
  });
}

test('values in frames below the running one are found', async (t) => {
  const module = await passing;
  let made = 0;
  let depth = 0;
  const seen: unknown[] = [];
  const vm: VM = passer(
    'interpreter',
    module,
    () => ({ number: made++ }),
    (value) => {
      seen.push(value);
      if (depth++ === 0) vm.invoke(vm.instance().func('pass'), [5000]);
    },
  );
  const outer = { outer: true };
  t.is(vm.invoke(vm.instance().func('nest'), [outer, 0])[0], outer);
  t.deepEqual(vm.invoke(vm.instance().func('nest'), [outer, 0])[0], outer);
  t.true(seen.length > 5000);
});

const structures = moduleOf(`
  (import "host" "take" (func $take (param anyref)))
  (type $pair (struct (field i32) (field i32)))
  (func (export "small") ${looped('(call $take (ref.i31 (local.get 0)))')})
  (func (export "fresh") ${looped('(call $take (struct.new $pair (local.get 0) (i32.const 2)))')})
  (func (export "make") (param i32) (result anyref) (struct.new $pair (local.get 0) (i32.const 2)))
  (func (export "first") (param anyref) (result i32) (struct.get $pair 0 (ref.cast (ref $pair) (local.get 0))))`);

async function taker(take: (value: unknown) => void): Promise<VM> {
  const vm = new VM({ limits: { heap: 2 ** 20 } });
  vm.instantiate(await structures, { host: { take: hostFunction(['anyref'], [], take) } });
  return vm;
}
const first = (vm: VM, ref: unknown) => vm.invoke(vm.instance().func('first'), [ref])[0];

test('structures that the host is handed and drops are no trap, in one job', async (t) => {
  let last: Ref | undefined;
  const vm = await taker((ref) => {
    last = ref as Ref;
    t.is(first(vm, ref), 200_000 - taken++);
  });
  let taken = 0;
  vm.invoke(vm.instance().func('fresh'), [200_000]);
  t.is(taken, 200_000);
  t.is(first(vm, last), 1);
});

test('what the host holds stays: the newest of one job, and those of earlier ones however many they are', async (t) => {
  const vm = await taker(() => undefined);
  const make = (i: number) => vm.invoke(vm.instance().func('make'), [i])[0];
  const held: unknown[] = [];
  for (let i = 0; i < 20; i++) {
    for (let k = 0; k < 500; k++) held.push(make(held.length));
    await collectedUntil(() => true);
    await Promise.resolve();
  }
  for (let i = 0; i < 100_000; i++) make(i);
  held.forEach((ref, i) => {
    t.is(first(vm, ref), i);
  });
});

test('who holds more than there is room for is told so, and sees no other object', async (t) => {
  const vm = await taker(() => undefined);
  const make = (i: number) => vm.invoke(vm.instance().func('make'), [i])[0] as Ref;
  const refs = Array.from({ length: 100_000 }, (_, i) => make(i));
  const error = t.throws(() => first(vm, refs[0]), { instanceOf: UsageError });
  t.regex(error?.message ?? '', /let go/);
  t.throws(() => refs[0]?.payload, { instanceOf: UsageError });
  t.is(first(vm, refs.at(-1)), 99_999);
  t.is(first(vm, refs.at(-bounds.surestReferences)), 100_000 - bounds.surestReferences);
});

test('what a running host function was called with stays, whatever it makes the guest do', async (t) => {
  let outer = true;
  const seen: unknown[] = [];
  const vm: VM = await taker((ref) => {
    if (!outer) return;
    outer = false;
    vm.invoke(vm.instance().func('fresh'), [100_000]);
    seen.push(first(vm, ref));
  });
  vm.invoke(vm.instance().func('fresh'), [1]);
  t.deepEqual(seen, [1]);
});

test('small integers are handed out without end', async (t) => {
  const seen = new Set<unknown>();
  const vm = await taker((ref) => seen.add((ref as Ref).payload));
  vm.invoke(vm.instance().func('small'), [50_000]);
  t.is(seen.size, 50_000);
  t.deepEqual(vm.store.references.held(), []);
});

test('references of earlier jobs that nobody has are forgotten', async (t) => {
  const vm = await taker(() => undefined);
  for (let round = 0; round < 5; round++) {
    vm.invoke(vm.instance().func('fresh'), [3000]);
    t.true(await collectedUntil(() => vm.store.references.held().length < 10));
  }
});
