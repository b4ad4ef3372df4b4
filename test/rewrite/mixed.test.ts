// Native code and the interpreter in one store, by function: some are interpreted, and each calls the other.

import { setTimeout } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { asyncHostFunction, hostFunction, type Imports, type Value, VM, type VmOptions } from '../../src/index.ts';
import { isMixed } from '../../src/rewrite/run/able.ts';
import { moduleOf } from '../wat.ts';
import { differs, disposeOf, show, trioOf } from './differential.ts';
import { here, interpretMarked } from './marked.ts';

interpretMarked();

interface Setting {
  readonly imports?: Imports;
  readonly limits?: VmOptions['limits'];
}

/** Calls a function on both engines: what all of it comes to is to be the same. Returns that. */
async function same(
  t: ExecutionContext,
  fields: string,
  args: readonly Value[] = [],
  { imports = {}, limits = {} }: Setting = {},
): Promise<string> {
  const module = await moduleOf(fields);
  const [interpreted, native] = (['interpreter', 'native'] as const).map((engine) => {
    const vm = new VM({ engine, limits });
    vm.instantiate(module, imports);
    t.true(isMixed(vm.store));
    vm.start(vm.instance(0).func('run'), args);
    const outcome = show(vm.run());
    t.is(vm.store.stack.depth, 0);
    return [outcome, outcome.includes('trapped') ? 0 : vm.fuelUsed];
  });
  t.deepEqual(native, interpreted);
  return (native as [string, number])[0];
}

/** Calls a function in slices of so much fuel, on both engines and hopping: all are to be in the same states. */
async function alike(t: ExecutionContext, fields: string, args: readonly Value[], slice: number): Promise<void> {
  const trio = trioOf(await moduleOf(fields));
  t.true(isMixed(trio.native.store));
  t.is(
    differs(trio, 'run', args, () => slice, 300),
    undefined,
  );
  disposeOf(trio);
}

/** A native loop calls an interpreted function, which calls a native one. */
const there = `
  (type $pair (struct (field (mut i32)) (field (mut i64))))
  (func $boxed (param i32) (result i32) (local $p (ref null $pair)) ${here}
    (local.set $p (struct.new $pair (local.get 0) (i64.const 3)))
    (struct.set $pair 0 (local.get $p) (i32.add (call $double (struct.get $pair 0 (local.get $p))) (i32.const 1)))
    (i32.add (struct.get $pair 0 (local.get $p)) (i32.wrap_i64 (struct.get $pair 1 (local.get $p)))))
  (func $double (param i32) (result i32) (local i32)
    (loop (local.set 1 (i32.add (local.get 1) (i32.const 2)))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1))
  (func (export "run") (param i32) (result i32) (local i32)
    (loop (local.set 1 (i32.add (local.get 1) (call $boxed (i32.or (i32.const 1) (i32.and (local.get 0) (i32.const 7))))))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1))`;

/** Both call the other as deep as the argument says. */
const mutual = (inner: string) => `
  (memory 1)
  (func $other (param i32) (result i32) ${here}
    (if (result i32) (local.get 0)
      (then (i32.add (i32.const 1) (call $run (i32.sub (local.get 0) (i32.const 1)))))
      (else ${inner})))
  (func $run (export "run") (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (i32.add (i32.const 2) (call $other (i32.sub (local.get 0) (i32.const 1)))))
      (else ${inner})))`;

test('a native loop calls an interpreted function, which calls a native one', async (t) => {
  t.regex(await same(t, there, [7]), /"values":\[90\]/);
});

for (const slice of [0, 1, 7, 50, 1000]) {
  test(`it stops at each place, in slices of ${slice}`, (t) => alike(t, there, [21], slice));
  test(`so do functions that call each other, in slices of ${slice}`, (t) =>
    alike(t, mutual('(i32.const 5)'), [30], slice));
}

test('functions that call each other go as deep as the limit of frames allows, and not further', async (t) => {
  for (const depth of [998, 999, 1000, 1001, 5000]) {
    const limits = { frames: 1000 };
    const outcome = await same(t, mutual('(i32.const 5)'), [depth], { limits });
    t.is(outcome.includes('more than 1000 frames'), depth > 999);
  }
  for (const depth of [100_000, 131_071, 131_072]) await same(t, mutual('(i32.const 5)'), [depth]);
});

test('they go as deep as the limit of the stack allows, and not further', async (t) => {
  for (const depth of [100, 400, 500, 600, 700, 800, 900])
    await same(t, mutual('(i32.const 5)'), [depth], { limits: { stack: 16_384 } });
});

const traps = {
  unreachable: '(unreachable)',
  memory: '(i32.load (i32.const 65533))',
  division: '(i32.div_s (i32.const 1) (i32.const 0))',
};
for (const [name, code] of Object.entries(traps))
  test(`a trap tells all frames of both: ${name}`, async (t) => {
    for (const depth of [0, 1, 2, 5, 20, 301]) {
      const outcome = await same(t, mutual(code), [depth]);
      t.is(outcome.split('@').length - 1, Math.min(64, depth + 1));
    }
  });

const tag = '(tag $e (param i32)) (tag $f)';
const thrower = (name: string, mark: string, callee: string) => `
  (func $${name} (param i32) (result i32) ${mark}
    (if (i32.eqz (local.get 0)) (then (throw $e (i32.const 40))))
    (if (result i32) (i32.eq (local.get 0) (i32.const 6))
      (then (block $h (result i32)
        (try_table (result i32) (catch $e $h) (call $${callee} (i32.sub (local.get 0) (i32.const 1))))))
      (else (block $g
        (return (i32.add (i32.const 1)
          (try_table (result i32) (catch $f $g) (call $${callee} (i32.sub (local.get 0) (i32.const 1)))))))
        (i32.const 9))))`;
const throwing = `${tag} ${thrower('a', '', 'b')} ${thrower('b', here, 'a')}
  (func (export "run") (param i32) (result i32) (call $a (local.get 0)))
  (func (export "other") (param i32) (result i32) (call $b (local.get 0)))`;

test('exceptions pass the frames of both', async (t) => {
  for (const code of [throwing, throwing.replace('"run"', '"none"').replace('"other"', '"run"')]) {
    for (const depth of [0, 1, 5, 6, 7, 8, 9, 100, 2001]) await same(t, code, [depth]);
    t.regex(await same(t, code, [6]), /"values":\[40\]/);
    t.regex(await same(t, code, [5]), /uncaught exception/);
  }
});

for (const slice of [0, 3, 20])
  test(`exceptions that pass frames which were left, in slices of ${slice}`, async (t) => {
    for (const depth of [1, 5, 6, 7, 8, 9, 30]) await alike(t, throwing, [depth], slice);
  });

test('tail calls of each other take no frames', async (t) => {
  const calls = (call: (name: string, index: number) => string) => `
    (type $t (func (param i32 i32) (result i32))) (table funcref (elem $run $other))
    (func $other (type $t) ${here}
      ${call('run', 0)})
    (func $run (export "run") (type $t)
      (if (i32.eqz (local.get 0)) (then (return (local.get 1))))
      ${call('other', 1)})`;
  const args = '(i32.sub (local.get 0) (i32.const 1)) (i32.add (local.get 1) (local.get 0))';
  for (const code of [
    calls((name) => `(return_call $${name} ${args})`),
    calls((_, index) => `(return_call_indirect (type $t) ${args} (i32.const ${index}))`),
    calls((name) => `(return_call_ref $t ${args} (ref.func $${name}))`),
  ]) {
    t.regex(await same(t, code, [20_000, 0], { limits: { frames: 8 } }), /"status":"returned"/);
    for (const slice of [1, 33]) await alike(t, code, [60, 0], slice);
  }
});

test('each finds the other in tables and by references, and what is of another type does not fit', async (t) => {
  const code = (element: number, how: string) => `
    (type $t (func (param i32) (result i32)))
    (rec (type $u (func (param i32) (result i32))) (type (struct)))
    (type $open (sub (func (param i32) (result i32)))) (type $sub (sub final $open (func (param i32) (result i32))))
    (table $t funcref (elem $native $other $grouped $sub $run))
    (func $native (type $t) (i32.add (local.get 0) (i32.const 1)))
    (func $other (type $t) ${here}
      (call_indirect (type ${how}) (local.get 0) (i32.const ${element})))
    (func $grouped (type $u) (i32.add (local.get 0) (i32.const 2)))
    (func $sub (type $sub) ${here} (i32.add (local.get 0) (i32.const 3)))
    (func $run (export "run") (param i32) (result i32)
      (i32.add (call_ref $t (local.get 0) (ref.func $native)) (i32.add (call_ref $t (local.get 0) (ref.func $other))
        (call_indirect (type ${how}) (local.get 0) (i32.const ${element})))))`;
  for (const how of ['$t', '$u', '$open', '$sub'])
    for (const element of [0, 2, 3]) {
      const fits = { 0: ['$t'], 2: ['$u'], 3: ['$open', '$sub'] }[element]?.includes(how);
      t.is((await same(t, code(element, how), [5])).includes('mismatch'), !fits);
    }
});

test('globals and memories are the same to both, also where they grow', async (t) => {
  const outcome = await same(
    t,
    `(memory 1) (global $g (mut i64) (i64.const 5)) (global $r (mut anyref) (ref.null any)) (table $t 1 externref)
     (func $other (param i32) (result i32) ${here}
       (global.set $g (i64.mul (global.get $g) (i64.const 3)))
       (global.set $r (ref.i31 (local.get 0)))
       (drop (memory.grow (i32.const 1)))
       (i32.store (i32.const 65540) (i32.add (local.get 0) (call $inner)))
       (drop (table.grow $t (ref.null extern) (i32.const 2)))
       (i32.load (i32.const 4)))
     (func $inner (result i32)
       (global.set $g (i64.add (global.get $g) (i64.const 1)))
       (drop (memory.grow (i32.const 1)))
       (i32.store (i32.const 4) (i32.const 70)) (memory.size))
     (func (export "run") (result i64 i32 i32 i32 i32)
       (global.set $g (i64.const 7))
       (call $other (i32.const 9))
       (i32.load (i32.const 65540)) (memory.size) (ref.is_null (global.get $r)) (i32.const 0)
       (return (global.get $g) (i32.add (call $other (i32.const 2)) (table.size $t)) (i32.load (i32.const 65540)) (memory.size) (i32.const 1))
       unreachable)`.replace(
      /\(call \$other \(i32.const 9\)\)\s+\(i32.load[\s\S]*?\(i32.const 0\)\n/,
      '(drop (call $other (i32.const 9)))\n',
    ),
  );
  t.regex(outcome, /returned/);
});

test('what the interpreter makes while native code waits for it stays within the limit of the heap', async (t) => {
  const code = `
    (type $list (struct (field i64 i64) (field (ref null $list))))
    (func $make (param i32) (param (ref null $list)) (result (ref null $list)) ${here}
      (loop (drop (struct.new $list (i64.const 1) (i64.const 2) (ref.null $list)))
        (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
      (struct.new $list (i64.const 1) (i64.const 2) (local.get 1)))
    (func $length (param (ref null $list)) (result i32) (local i32) ${here}
      (loop (if (ref.is_null (local.get 0)) (then (return (local.get 1))))
        (local.set 1 (i32.add (local.get 1) (i32.const 1)))
        (local.set 0 (struct.get $list 2 (local.get 0))) (br 0)) unreachable)
    (func (export "run") (param i32 i32) (result i32) (local $l (ref null $list)) (local $m (ref null $list))
      (loop (local.set $m (local.get $l))
        (local.set $l (call $make (local.get 1) (local.get $l)))
        (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
      (i32.add (call $length (local.get $l)) (call $length (local.get $m))))`;
  const limits = { heap: 65_536 };
  // Each call leaves one object that is dead by the next one.
  const short = code.replace(
    '(call $make (local.get 1) (local.get $l))',
    '(call $make (local.get 1) (ref.null $list))',
  );
  t.regex(await same(t, short, [20_000, 1], { limits }), /"values":\[2\]/);
  t.regex(await same(t, code, [200, 500], { limits }), /"values":\[399\]/);
  t.regex(await same(t, code, [2, 20_000], { limits }), /"values":\[3\]/);
  // What was dead before the call takes the room of what it makes.
  const large = `(type $row (array i32)) (type $list (struct (field i64 i64) (field (ref null $list))))
    (func $make (param i32) ${here}
      (loop (drop (struct.new $list (i64.const 1) (i64.const 2) (ref.null $list)))
        (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
    (func $row (param i32) (result i32) ${here}
      (array.len (array.new_default $row (local.get 0))))
    (func (export "run") (param i32 i32) (result i32)
      (call $make (local.get 0)) (i32.add (call $row (local.get 1)) (call $row (local.get 1))))`;
  for (const dead of [1, 100, 200, 300, 1000, 1500])
    t.regex(await same(t, large, [dead, 14_000], { limits }), /"values":\[28000\]/);
  // The last object is one too many on either engine, but native code is left before all is looked for that is dead.
  const vm = new VM({ engine: 'native', limits });
  vm.instantiate(await moduleOf(code));
  t.throws(() => vm.invoke(vm.instance(0).func('run'), [20_000, 1]), { message: /out of heap memory/ });
});

test('values of the host that native code holds stay while the interpreter asks for more', async (t) => {
  let next = 0;
  const make = hostFunction([], ['externref'], () => ({ number: next++ % 3000 }));
  const tell = hostFunction(['externref'], ['i32'], (it) => (it as { number: number }).number);
  const code = `
    (import "h" "make" (func $make (result externref))) (import "h" "tell" (func $tell (param externref) (result i32)))
    (func $other (param i32) (result externref) ${here}
      (loop (drop (call $make)) (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
      (call $make))
    (func (export "run") (result i32) (local externref)
      (local.set 0 (call $make))
      (i32.add (call $tell (call $other (i32.const 2998))) (i32.add (call $tell (local.get 0)) (call $tell (call $other (i32.const 2999))))))`;
  await same(t, code, [], { imports: { h: { make, tell } } });
  t.is(next, 2 * (1 + 2999 + 3000));
});

test('host functions that answer later suspend the frames of both', async (t) => {
  const ask = asyncHostFunction(['i32'], ['i32'], async (n) => n + 1);
  const code = `(import "h" "ask" (func $ask (param i32) (result i32))) ${mutual('(call $ask (i32.const 7))')}`;
  const module = await moduleOf(code.replace('(memory 1)', ''));
  for (const depth of [0, 1, 2, 9, 100]) {
    const saved = await Promise.all(
      (['interpreter', 'native'] as const).map(async (engine) => {
        const vm = new VM({ engine });
        vm.instantiate(module, { h: { ask } });
        vm.start(vm.instance(0).func('run'), [depth]);
        t.is(vm.run().status, 'suspended');
        const bytes = vm.save().encode();
        const back = VM.restore(bytes, { engine, modules: [module], imports: { h: { ask } } });
        const outcome = await back.runAsync();
        return [Buffer.from(bytes).toString('base64'), show(outcome), back.fuelUsed];
      }),
    );
    t.deepEqual(saved[1], saved[0]);
  }
});

test('who waits in an interpreted function waits for all', async (t) => {
  const code = `(memory 1 1 shared)
    (func $wait (param i64) (result i32) (memory.atomic.wait32 (i32.const 0) (i32.const 0) (local.get 0)))
    (func (export "run") (result i32) (i32.add (i32.const 10) (call $wait (i64.const 1000000))))`;
  const module = await moduleOf(code);
  for (const engine of ['interpreter', 'native'] as const) {
    const vm = new VM({ engine, sharedMemory: true });
    vm.instantiate(module);
    vm.start(vm.instance(0).func('run'));
    const outcome = vm.run();
    t.is(outcome.status === 'suspended' && outcome.reason.kind, 'wait');
    await setTimeout(10);
    t.deepEqual(vm.run().values, [12]);
  }
});

test('a run that is to stop is stopped in the midst of both', async (t) => {
  const endless = (loop: string) => `
    (func $other (param i32) ${here} ${loop === 'other' ? '(loop (br 0))' : '(call $inner)'})
    (func $inner ${loop === 'inner' ? '(loop (br 0))' : ''})
    (func (export "run") (loop (call $other (i32.const 1)) (br 0)))`;
  for (const loop of ['other', 'inner', 'none']) {
    const vm = new VM({ engine: 'native' });
    vm.instantiate(await moduleOf(endless(loop)));
    vm.start(vm.instance(0).func('run'));
    const outcome = vm.run({ timeout: 30 });
    t.is(outcome.status === 'suspended' && outcome.reason.kind, 'timeout');
  }
});

test('a host function that calls the guest meets both', async (t) => {
  const back = hostFunction(['i32'], ['i32'], (n, context) => context.call('other', n)[0] as number);
  const code = `(import "h" "back" (func $back (param i32) (result i32)))
    (func $other (export "other") (param i32) (result i32) ${here}
      (if (result i32) (local.get 0) (then (i32.add (i32.const 1) (call $run (i32.sub (local.get 0) (i32.const 1)))))
        (else (i32.const 3))))
    (func $run (export "run") (param i32) (result i32)
      (if (result i32) (local.get 0) (then (i32.add (i32.const 2) (call $back (i32.sub (local.get 0) (i32.const 1)))))
        (else (i32.const 4))))`;
  for (const depth of [1, 2, 7, 30])
    t.regex(await same(t, code, [depth], { imports: { h: { back } } }), /"status":"returned"/);
});
