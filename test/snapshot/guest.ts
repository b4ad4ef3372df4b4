// A guest with something of everything that a snapshot holds, and VMs that stop in the midst of it.

import { asyncHostFunction, hostFunction, type Module, type Snapshot, VM } from '../../src/index.ts';
import type { VmLimits } from '../../src/runtime/store.ts';
import type { SnapshotData } from '../../src/snapshot/data/format.ts';
import { moduleOf } from '../wat.ts';

const text = `
  (type $step (func (param i32 i64) (result i64)))
  (type $row (array (mut i16)))
  (type $node (struct (field i8) (field (mut (ref null $node))) (field f64) (field (ref null $row))))
  (type $all (array (mut anyref)))
  (tag $oops (param i32 i64))
  (import "env" "ask" (func $ask (param i32 externref) (result i64)))
  (import "env" "log" (func $log (param f32)))
  (memory (export "memory") 2 8)
  (table $steps (export "steps") 4 8 funcref)
  (elem (table $steps) (i32.const 0) func $down $ask_host)
  (elem $spare funcref (ref.func $down) (ref.null func))
  (data $greeting "hello")
  (data (i32.const 70000) "far away")
  (global $count (export "count") (mut i64) (i64.const -2))
  (global $ratio (mut f32) (f32.const nan:0x200001))
  (global $last (mut externref) (ref.null extern))
  (global $next (mut funcref) (ref.func $down))
  (global $vector (mut v128) (v128.const i32x4 1 2 3 4))
  (global $list (mut (ref null $node)) (ref.null $node))
  (global $things (mut anyref) (ref.null any))
  (global $caught (mut exnref) (ref.null exn))

  (func $down (type $step) (local $v v128) (local $f funcref) (local $e externref) (local $d f64)
    (local.set $v (global.get $vector))
    (local.set $f (ref.func $down))
    (local.set $d (f64.const -0.5))
    (i32.store (i32.mul (local.get 0) (i32.const 4)) (i32.sub (i32.const 0) (local.get 0)))
    (i64.add
      (i64.trunc_f64_s (f64.mul (local.get $d) (f64.const -2)))
      (call_indirect $steps (type $step)
        (i32.sub (local.get 0) (i32.const 1))
        (i64.add (local.get 1) (i64.const 3))
        (i32.le_s (local.get 0) (i32.const 1)))))

  (func $ask_host (type $step) (local $i i32)
    (loop $again
      (global.set $count (i64.add (global.get $count) (i64.const 1)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (i32.const 5))))
    (global.set $list (struct.new $node (i32.const 200) (global.get $list) (f64.const 2.5)
      (array.new $row (i32.const 7) (i32.const 3))))
    (struct.set $node 1 (global.get $list) (global.get $list))
    (global.set $things (array.new $all (ref.i31 (i32.const 5)) (i32.const 2)))
    (array.set $all (ref.cast (ref $all) (global.get $things)) (i32.const 1) (global.get $list))
    (block $handler (result i32 i64 exnref)
      (try_table (catch_ref $oops $handler) (throw $oops (i32.const 1) (i64.const 2)))
      (unreachable))
    (global.set $caught)
    (drop)
    (drop)
    (i64.add (local.get 1) (call $ask (local.get 0) (global.get $last))))

  (func (export "run") (param externref) (result i64)
    (global.set $last (local.get 0))
    (drop (table.grow $steps (ref.func $ask_host) (i32.const 1)))
    (drop (memory.grow (i32.const 1)))
    (memory.init $greeting (i32.const 16) (i32.const 0) (i32.const 5))
    (data.drop $greeting)
    (call $log (f32.const 1.5))
    (call $down (i32.const 6) (i64.const 100)))
  (func (export "tail") (param i32) (result i64)
    (return_call $ask (local.get 0) (global.get $last)))
  (func (export "wait") (param i32) (result i64)
    (call 5 (local.get 0)))
  (func (export "spread") (param i32)
    (memory.fill (i32.const 0) (local.get 0) (i32.const 131072)))`;

export const guest: Promise<Module> = moduleOf(text);

export const limits: VmLimits = {
  ...new VM().store.limits,
  memory: 2 ** 20,
  frames: 100,
  stack: 2 ** 14,
  tables: 100,
  instances: 8,
};

export const imports = {
  env: {
    ask: asyncHostFunction(['i32', 'externref'], ['i64'], () => 1000n),
    log: hostFunction(['f32'], [], () => undefined),
  },
};

export async function begun(argument: unknown = { name: 'gift', list: [1, 2n] }, options = {}): Promise<VM> {
  const vm = new VM({ limits, ...options });
  vm.start(vm.instantiate(await guest, imports).func('run'), [argument]);
  return vm;
}

/** Stopped deep in the recursion, after so many instructions. */
export async function suspended(steps = 150, options = {}): Promise<VM> {
  const vm = await begun(undefined, options);
  vm.run({ steps });
  return vm;
}

/** Stopped where it waits for the host. */
export async function waiting(options = {}): Promise<VM> {
  const vm = await begun(undefined, options);
  vm.run();
  return vm;
}

export const restored = async (from: Uint8Array | Snapshot, options = {}): Promise<VM> =>
  VM.restore(from, { modules: [await guest], imports, limits, ...options });

/** Runs to the end; the host answers 1000. */
export function finish(vm: VM): unknown[] {
  for (;;) {
    const outcome = vm.run();
    if (outcome.status === 'returned') return outcome.values;
    if (outcome.status !== 'suspended' || outcome.reason.kind !== 'host') throw new Error(`it has ${outcome.status}`);
    vm.deliver(outcome.reason.id, [1000n]);
  }
}

type Mutable<T> = T extends Int32Array | Uint8Array
  ? T
  : T extends object
    ? { -readonly [K in keyof T]: Mutable<T[K]> }
    : T;

/** A copy of a snapshot's data that may be changed. */
export const forged = ({ data }: Snapshot): Mutable<SnapshotData> => structuredClone(data) as Mutable<SnapshotData>;
export type Forged = Mutable<SnapshotData>;
