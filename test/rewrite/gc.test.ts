// Structures, arrays, small integers and casts as native code, beside the interpreter: in slices of any size, hopping from
// one to the other; traps; and collections while frames of native code hold references.

import test, { type ExecutionContext } from 'ava';
import { hostFunction, type Imports, type Module, type Value, VM, type VmOptions } from '../../src/index.ts';
import { supportOf } from '../../src/rewrite/read/support.ts';
import { isMixed } from '../../src/rewrite/run/able.ts';
import { moduleOf } from '../wat.ts';
import { differs, disposeOf, show, trioOf } from './differential.ts';

const types = `
  (rec
    (type $node (sub (struct (field $value (mut i32)) (field $next (mut (ref null $node))))))
    (type $big (sub $node (struct (field $value (mut i32)) (field $next (mut (ref null $node)))
      (field $byte (mut i8)) (field $short (mut i16)) (field $long (mut i64)) (field $wide (mut v128))
      (field $f (mut f32)) (field $d (mut f64)) (field $any (mut anyref))))))
  (type $leaf (sub final $big (struct (field (mut i32)) (field (mut (ref null $node)))
      (field (mut i8)) (field (mut i16)) (field (mut i64)) (field (mut v128)) (field (mut f32)) (field (mut f64))
      (field (mut anyref)) (field i32))))
  (type $func (func (param i32) (result i32)))
  (type $bytes (array (mut i8))) (type $shorts (array (mut i16))) (type $ints (array (mut i32)))
  (type $longs (array (mut i64))) (type $floats (array (mut f32))) (type $doubles (array (mut f64)))
  (type $wides (array (mut v128))) (type $nodes (array (mut (ref null $node))))
  (data $d "0123456789abcdefghijklmnopqrstuvwxyz")
  (elem $e (ref null $node) (item (struct.new $node (i32.const 77) (ref.null $node))) (item (ref.null $node))
    (item (struct.new_default $node)))
  (elem declare func $id)
  (table $t 3 anyref)
  (func $id (type $func) (local.get 0))`;

/** What `$step` gives for each number down from the argument, added up. */
const counting = (fields: string): string => `${types} ${fields}
  (func (export "run") (param $n i32) (result i64) (local $sum i64)
    (loop $l
      (local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 31)) (call $step (local.get $n))))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum))`;

const newBig = `(struct.new $big (local.get 0) (struct.new $node (i32.const 5) (ref.null $node)) (local.get 0)
  (i32.mul (local.get 0) (i32.const 77777)) (i64.const 0x123456789abcdef) (v128.const i32x4 1 2 3 -4)
  (f32.const -0) (f64.const 1.5) (ref.i31 (local.get 0)))`;

/** An array of a type with an element that the argument decides, filled, copied, and read. */
const array = (type: string, value: string, read: (get: string) => string, get = 'array.get'): string => `
  (func $step (param i32) (result i64) (local $a (ref null $${type})) (local $b (ref null $${type})) (local $i i32) (local $s i64)
    (local.set $a (array.new $${type} ${value} (i32.and (local.get 0) (i32.const 15))))
    (local.set $b (array.new_default $${type} (i32.const 20)))
    (loop (nop))
    (array.fill $${type} (local.get $b) (i32.const 3) ${value} (i32.const 9))
    (array.copy $${type} $${type} (local.get $b) (i32.const 1) (local.get $b) (i32.const 2) (i32.const 15))
    (array.copy $${type} $${type} (local.get $b) (i32.const 5) (local.get $b) (i32.const 4) (i32.const 15))
    (array.copy $${type} $${type} (local.get $b) (i32.const 0) (local.get $a) (i32.const 0) (array.len (local.get $a)))
    (array.set $${type} (local.get $b) (i32.const 19) ${value})
    (loop $l
      (local.set $s (i64.add (i64.mul (local.get $s) (i64.const 3)) ${read(`(${get} $${type} (local.get $b) (local.get $i))`)}))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (array.len (local.get $b)))))
    (local.get $s))`;
const asI32 = (get: string) => `(i64.extend_i32_s ${get})`;

const programs: Readonly<Record<string, string>> = {
  'fields of each type': counting(`(func $step (param i32) (result i64) (local $p (ref null $big))
    (local.set $p ${newBig})
    (loop (nop))
    (struct.set $big $byte (local.get $p) (i32.add (struct.get_u $big $byte (local.get $p)) (i32.const 250)))
    (struct.set $big $short (local.get $p) (i32.sub (struct.get_s $big $short (local.get $p)) (i32.const 5)))
    (struct.set $big $wide (local.get $p) (i32x4.neg (struct.get $big $wide (local.get $p))))
    (struct.set $big $f (local.get $p) (f32.add (struct.get $big $f (local.get $p)) (f32.const 2)))
    (struct.set $big $d (local.get $p) (f64.mul (struct.get $big $d (local.get $p)) (f64.const 3)))
    (struct.set $big $next (local.get $p) (local.get $p))
    (struct.set $node $value (struct.get $node $next (local.get $p)) (i32.const 9))
    (i64.add (struct.get $big $long (local.get $p))
      (i64.add (i64x2.extract_lane 1 (struct.get $big $wide (local.get $p)))
        (i64.extend_i32_s (i32.add
          (i32.add (struct.get_s $big $byte (local.get $p)) (struct.get_u $big $short (local.get $p)))
          (i32.add (i32.trunc_f64_s (struct.get $big $d (local.get $p)))
            (i32.add (i32.reinterpret_f32 (struct.get $big $f (local.get $p)))
              (i32.add (struct.get $big $value (local.get $p))
                (i31.get_s (ref.cast i31ref (struct.get $big $any (local.get $p))))))))))))`),
  'defaults, null and equality':
    counting(`(func $step (param i32) (result i64) (local $p (ref null $big)) (local $q (ref null $big))
    (local.set $p (struct.new_default $big))
    (loop (nop))
    (local.set $q (if (result (ref null $big)) (i32.and (local.get 0) (i32.const 1)) (then (local.get $p)) (else (struct.new_default $big))))
    (i64.extend_i32_u (i32.add (i32.shl (ref.eq (local.get $p) (local.get $q)) (i32.const 4))
      (i32.add (ref.is_null (struct.get $big $any (ref.as_non_null (local.get $p))))
        (i32.add (ref.eq (ref.i31 (local.get 0)) (ref.i31 (i32.or (local.get 0) (i32.const 0x80000000))))
          (i32.add (i31.get_u (ref.i31 (i32.sub (i32.const 0) (local.get 0)))) (i31.get_s (ref.i31 (i32.sub (i32.const 0) (local.get 0))))))))))`),
  'arrays of bytes': counting(array('bytes', '(i32.add (local.get 0) (i32.const 120))', asI32, 'array.get_s')),
  'arrays of shorts': counting(array('shorts', '(i32.add (local.get 0) (i32.const 32760))', asI32, 'array.get_u')),
  'arrays of i32': counting(array('ints', '(local.get 0)', asI32)),
  'arrays of i64': counting(array('longs', '(i64.extend_i32_s (local.get 0))', (get) => get)),
  'arrays of f32': counting(
    array('floats', '(f32.convert_i32_s (local.get 0))', (get) => asI32(`(i32.reinterpret_f32 ${get})`)),
  ),
  'arrays of f64': counting(
    array('doubles', '(f64.convert_i32_s (local.get 0))', (get) => `(i64.reinterpret_f64 ${get})`),
  ),
  'arrays of v128': counting(array('wides', '(i32x4.splat (local.get 0))', (get) => `(i64x2.extract_lane 1 ${get})`)),
  'arrays of references': counting(
    array(
      'nodes',
      '(struct.new $node (local.get 0) (ref.null $node))',
      (get) =>
        `(block $n (result i64) (block $v (result (ref $node)) (br_on_non_null $v ${get}) (br $n (i64.const 7))) (struct.get $node $value) (i64.extend_i32_s))`,
    ),
  ),
  'arrays of segments and lists':
    counting(`(func $step (param i32) (result i64) (local $b (ref null $bytes)) (local $n (ref null $nodes)) (local $i (ref $longs))
    (local.set $b (array.new_data $bytes $d (i32.const 3) (i32.const 20)))
    (array.init_data $bytes $d (local.get $b) (i32.const 2) (i32.const 10) (i32.const 7))
    (local.set $n (array.new_elem $nodes $e (i32.const 0) (i32.const 3)))
    (array.init_elem $nodes $e (local.get $n) (i32.const 1) (i32.const 0) (i32.const 2))
    (local.set $i (array.new_fixed $longs 3 (i64.const 4) (i64.extend_i32_u (local.get 0)) (i64.const -6)))
    (loop (nop))
    (i64.add (array.get $longs (local.get $i) (i32.rem_u (local.get 0) (i32.const 3)))
      (i64.extend_i32_u (i32.add (array.get_u $bytes (local.get $b) (i32.rem_u (local.get 0) (i32.const 20)))
        (struct.get $node $value (array.get $nodes (local.get $n) (i32.and (local.get 0) (i32.const 1))))))))`),
  'casts and tests': counting(`
    (func $what (param i32) (result anyref)
      (block $6 (block $5 (block $4 (block $3 (block $2 (block $1 (block $0
        (br_table $0 $1 $2 $3 $4 $5 $6 (i32.rem_u (local.get 0) (i32.const 7))))
        (return (struct.new $node (i32.const 1) (ref.null $node)))) (return (struct.new_default $big)))
        (return (struct.new_default $leaf))) (return (array.new_default $ints (i32.const 3)))) (return (ref.i31 (i32.const 4))))
        (return (any.convert_extern (extern.convert_any (struct.new_default $leaf)))))
      (ref.null none))
    (func $bits (param anyref) (result i32)
      ${[
        ['eq', 'null eq'],
        ['struct', 'null struct'],
        ['array', 'null array'],
        ['i31', 'null i31'],
        ['any', 'null none'],
        ['$node', 'null $node'],
        ['$big', '$leaf'],
        ['$ints', 'null $leaf'],
        ['$longs', 'none'],
      ]
        .flat()
        .reduce(
          (sum, type) => `(i32.add (i32.shl ${sum} (i32.const 1)) (ref.test (ref ${type}) (local.get 0)))`,
          '(i32.const 1)',
        )})
    (func $step (param i32) (result i64) (local $x anyref)
      (table.set $t (i32.const 1) (call $what (local.get 0)))
      (loop (nop))
      (local.set $x (table.get $t (i32.const 1)))
      (i64.add (i64.extend_i32_u (call $bits (local.get $x)))
        (block $node (result i64)
          (block $is (result (ref $node))
            (drop (br_on_cast $is anyref (ref $node) (local.get $x)))
            (block $not (result anyref)
              (br $node (i64.extend_i32_u (array.len (br_on_cast_fail $not anyref (ref $ints) (local.get $x))))))
            (drop) (br $node (i64.const 1000)))
          (i64.extend_i32_s (struct.get $node $value)))))`),
  'functions that are looked at': counting(`
    (type $other (sub (func (param i32) (result i32)))) (type $sub (sub $other (func (param i32) (result i32))))
    (elem declare func $a) (func $a (type $sub) (i32.const 5))
    (func $step (param i32) (result i64) (local $f funcref)
      (local.set $f (if (result funcref) (i32.and (local.get 0) (i32.const 1)) (then (ref.func $a)) (else (ref.func $id))))
      (loop (nop))
      (i64.extend_i32_u (i32.add (ref.test (ref $other) (local.get $f))
        (i32.add (i32.shl (ref.test (ref null $func) (local.get $f)) (i32.const 1)) (i32.shl (ref.test (ref func) (local.get $f)) (i32.const 2))))))`),
  'references below blocks, calls and handlers': counting(`(tag $x (param (ref $node) i32))
    (func $throws (param (ref $node)) (param i32) (result i32)
      (if (i32.and (local.get 1) (i32.const 1)) (then (throw $x (local.get 0) (i32.const 6))))
      (struct.get $node $value (local.get 0)))
    (func $step (param i32) (result i64) (local $i i32)
      (struct.new $node (local.get 0) (ref.null $node))
      (array.new $nodes (struct.new $node (i32.const 4) (ref.null $node)) (i32.const 3))
      (loop (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3))))
      (block $h (result (ref $node) i32)
        (struct.new $node (i32.const 2) (ref.null $node))
        (try_table (result i32) (catch $x $h) (call $throws (struct.new $node (local.get 0) (ref.null $node)) (local.get 0))))
      (local.set $i) (struct.get $node $value) (local.set $i (i32.add (local.get $i)))
      (array.get $nodes (i32.const 2)) (struct.get $node $value) (local.set $i (i32.add (local.get $i)))
      (struct.get $node $value) (i32.add (local.get $i)) (i64.extend_i32_s))`),
  'types that lie deep': counting(`
    (type $t0 (sub (struct (field i32))))
    ${Array.from({ length: 12 }, (_, i) => `(type $t${i + 1} (sub $t${i} (struct (field i32))))`).join(' ')}
    (func $step (param i32) (result i64) (local $x (ref $t0))
      (local.set $x (if (result (ref $t0)) (i32.and (local.get 0) (i32.const 1))
        (then (struct.new $t12 (local.get 0))) (else (struct.new $t6 (local.get 0)))))
      (i64.extend_i32_u ${[0, 3, 6, 7, 8, 11, 12].reduce((sum, i) => `(i32.add (i32.shl ${sum} (i32.const 1)) (ref.test (ref $t${i}) (local.get $x)))`, '(i32.const 1)')}))`),
};

for (const [name, fields] of Object.entries(programs))
  test(name, async (t) => {
    const module = await moduleOf(fields);
    t.false(supportOf(module).isMixed);
    const trio = trioOf(module);
    for (const slice of [0, 1, 17, 300])
      t.is(
        differs(trio, 'run', [23], () => slice, 200),
        undefined,
        `slices of ${slice}`,
      );
    t.true(trio.hops > 20);
    disposeOf(trio);
  });

const engines = ['interpreter', 'native'] as const;

interface Setting {
  readonly imports?: Imports;
  readonly limits?: VmOptions['limits'];
}

function started(
  module: Module,
  engine: VmOptions['engine'],
  args: readonly Value[],
  { imports = {}, limits = {} }: Setting,
): VM {
  const vm = new VM({ engine, limits });
  vm.instantiate(module, imports);
  vm.start(vm.instance(0).func('run'), args);
  return vm;
}

/** Calls a function on both engines: what all of it comes to is to be the same, and what it cost. Returns that. */
async function same(
  t: ExecutionContext,
  fields: string,
  args: readonly Value[] = [],
  setting: Setting = {},
): Promise<string> {
  const module = await moduleOf(fields);
  const [interpreted, native] = engines.map((engine) => {
    const vm = started(module, engine, args, setting);
    if (engine === 'native') t.false(isMixed(vm.store));
    return [show(vm.run()), vm.fuelUsed];
  });
  t.deepEqual(native, interpreted);
  return (native as [string, number])[0];
}

const traps: Readonly<Record<string, string>> = {
  '(struct.get $node $value (ref.null $node))': 'null structure reference',
  '(struct.set $node $value (ref.null $node) (i32.const 1)) (i32.const 0)': 'null structure reference',
  '(array.get $ints (ref.null $ints) (i32.const 0))': 'null array reference',
  '(array.get $ints (array.new_default $ints (i32.const 3)) (i32.const 3))': 'out of bounds array access',
  '(array.get_s $bytes (array.new_default $bytes (i32.const 3)) (i32.const -1))': 'out of bounds array access',
  '(array.set $ints (array.new_default $ints (i32.const 0)) (i32.const 0) (i32.const 1)) (i32.const 0)':
    'out of bounds array access',
  '(array.len (ref.null $ints))': 'null array reference',
  '(i31.get_s (ref.null i31))': 'null i31 reference',
  '(i31.get_u (ref.null i31))': 'null i31 reference',
  '(struct.get $node $value (ref.cast (ref $node) (struct.new_default $other)))': 'cast failure',
  '(ref.is_null (ref.cast (ref any) (ref.null any)))': 'cast failure',
  '(ref.is_null (ref.as_non_null (ref.null $node)))': 'null reference',
  '(array.fill $ints (array.new_default $ints (i32.const 3)) (i32.const 1) (i32.const 1) (i32.const 3)) (i32.const 0)':
    'out of bounds array access',
  '(array.copy $ints $ints (ref.null $ints) (i32.const 1) (ref.null $ints) (i32.const 1) (i32.const 0)) (i32.const 0)':
    'null array reference',
  '(array.len (array.new_data $bytes $d (i32.const 30) (i32.const 7)))': 'out of bounds memory access',
  '(array.len (array.new_elem $nodes $e (i32.const 1) (i32.const 3)))': 'out of bounds table access',
  '(array.init_data $bytes $d (array.new_default $bytes (i32.const 9)) (i32.const 0) (i32.const 30) (i32.const 7)) (i32.const 0)':
    'out of bounds memory access',
  '(array.init_elem $nodes $e (array.new_default $nodes (i32.const 2)) (i32.const 0) (i32.const 0) (i32.const 3)) (i32.const 0)':
    'out of bounds array access',
};
for (const [code, kind] of Object.entries(traps))
  test(`a trap tells what for and where: ${code}`, async (t) => {
    const fields = `${types} (type $other (struct (field f32)))
      (func $deep (param i32) (result i32) (if (result i32) (local.get 0)
        (then (call $deep (i32.sub (local.get 0) (i32.const 1)))) (else ${code})))
      (func (export "run") (param i32) (result i32) (i32.add (i32.const 1) (call $deep (local.get 0))))`;
    for (const depth of [0, 1, 5]) {
      const outcome = await same(t, fields, [depth]);
      t.true(outcome.includes(`"${kind}"`), outcome);
    }
    await same(
      t,
      fields.replace('(i32.add (i32.const 1)', '(i32.add (array.len (array.new_default $longs (i32.const 9)))'),
      [2],
    );
  });

/** Makes garbage at each depth, above a list that each frame holds the head of. */
const deep = `${types}
  (func $deep (param $n i32) (param $garbage i32) (result i32) (local $mine (ref $node)) (local $i i32)
    (local.set $mine (struct.new $node (local.get $n) (struct.new $node (i32.const 1) (ref.null $node))))
    (local.set $i (local.get $garbage))
    (loop (drop (struct.new $big (local.get $i) (local.get $mine) (i32.const 1) (i32.const 2) (i64.const 3)
        (v128.const i64x2 4 5) (f32.const 6) (f64.const 7) (array.new_default $bytes (i32.const 33))))
      (br_if 0 (i32.gt_s (local.tee $i (i32.sub (local.get $i) (i32.const 1))) (i32.const 0))))
    (i32.add (struct.get $node $value (struct.get $node $next (local.get $mine)))
      (i32.add (if (result i32) (local.get $n)
        (then (call $deep (i32.sub (local.get $n) (i32.const 1)) (local.get $garbage))) (else (i32.const 0)))
        (struct.get $node $value (local.get $mine)))))
  (func (export "run") (param i32 i32) (result i32) (call $deep (local.get 0) (local.get 1)))`;

test('frames of native code hold references while garbage of many times the limit is collected', async (t) => {
  const limits = { heap: 65_536 };
  for (const [depth, garbage] of [
    [0, 20_000],
    [50, 300],
    [200, 40],
    [300, 100],
  ] as const)
    t.true((await same(t, deep, [depth, garbage], { limits })).includes(`[${(depth * (depth + 3)) / 2 + 1}]`));
});

test('also in small slices, saved in between', async (t) => {
  const module = await moduleOf(deep);
  const limits = { heap: 65_536 };
  const vms = engines.map((engine) => started(module, engine, [20, 200], { limits }));
  for (let i = 0; ; i++) {
    const [expected, native] = vms.map((vm) => show(vm.run({ fuel: 997 })));
    t.is(native, expected);
    t.is(vms[1]?.fuelUsed, vms[0]?.fuelUsed);
    if (!expected?.includes('suspended')) break;
    if (i % 7 !== 0) continue;
    const [bytes, others] = vms.map((vm) => Buffer.from(vm.save().encode()));
    t.true(bytes?.equals(others as Buffer));
    engines.forEach((engine, k) => {
      vms[k]?.dispose();
      vms[k] = VM.restore(others as Buffer, { modules: [module], engine: engines[1 - k] ?? engine, limits });
    });
    vms.reverse();
  }
});

test('what is returned stays, also where its making was the last that there was room for', async (t) => {
  const module = await moduleOf(`${types}
    (func (export "make") (param i32) (result anyref) (struct.new $node (local.get 0) (ref.null $node)))
    (func (export "value") (param anyref) (result i32) (struct.get $node $value (ref.cast (ref $node) (local.get 0))))`);
  const vm = new VM({ engine: 'native', limits: { heap: 2 ** 16 } });
  const instance = vm.instantiate(module);
  let last: Value;
  for (let i = 0; i < 30_000; i++) {
    last = vm.invoke(instance.func('make'), [i])[0];
    if (i % 500 === 0) t.is(vm.invoke(instance.func('value'), [last])[0], i);
  }
  t.is(vm.invoke(instance.func('value'), [last])[0], 29_999);
});

test('globals and tables hold objects while native code goes on', async (t) => {
  const fields = `${types} (global $g (mut (ref null $node)) (ref.null $node))
    (func (export "run") (param i32) (result i32) (local $i i32)
      (global.set $g (struct.new $node (i32.const 40) (ref.null $node)))
      (table.set $t (i32.const 0) (array.new $ints (i32.const 2) (i32.const 10)))
      (loop
        (drop (array.new_default $longs (i32.const 50)))
        (global.set $g (struct.new $node (struct.get $node $value (global.get $g)) (ref.null $node)))
        (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
      (i32.add (struct.get $node $value (global.get $g))
        (array.get $ints (ref.cast (ref $ints) (table.get $t (i32.const 0))) (i32.const 9))))`;
  t.true((await same(t, fields, [5000], { limits: { heap: 65_536 } })).includes('[42]'));
});

test('a heap that is full of what is alive is a trap, a while later than interpreted at the most', async (t) => {
  const fields = `${types} (global $g (export "g") (mut (ref null $node)) (ref.null $node))
    (func (export "run") (param i32) (result i32)
      (loop (global.set $g (struct.new $node (local.get 0) (global.get $g)))
        (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
      (i32.const 1))`;
  const module = await moduleOf(fields);
  const limits = { heap: 65_536 };
  const used = engines.map((engine) => {
    const vm = started(module, engine, [100_000], { limits });
    t.regex(show(vm.run()), /out of heap memory/);
    const { fuelUsed } = vm;
    vm.instance(0).global('g').value = null;
    vm.start(vm.instance(0).func('run'), [100]);
    t.like(vm.run(), { status: 'returned', values: [1] });
    t.true(vm.store.heap.words.byteLength <= 2 ** 18);
    return fuelUsed;
  });
  t.true(Math.abs((used[0] as number) - (used[1] as number)) < 200, `${used}`);
});

test('host functions are handed objects, and call the guest, whose garbage goes meanwhile', async (t) => {
  const fields = `(import "h" "see" (func $see (param anyref) (result anyref))) ${types}
    (func (export "churn") (param i32)
      (loop (drop (array.new_default $longs (i32.const 50))) (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
    (func (export "run") (param i32) (result i32) (local $a (ref $node)) (local $sum i32)
      (loop
        (local.set $a (struct.new $node (local.get 0) (ref.null $node)))
        (local.set $sum (i32.add (local.get $sum) (struct.get $node $value (ref.cast (ref $node)
          (call $see (struct.new $node (i32.const 5) (local.get $a)))))))
        (local.set $sum (i32.add (local.get $sum) (struct.get $node $value (local.get $a))))
        (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
      (local.get $sum))`;
  const see = hostFunction(['anyref'], ['anyref'], (ref, context) => {
    context.call('churn', 300);
    return ref;
  });
  t.true((await same(t, fields, [30], { imports: { h: { see } }, limits: { heap: 65_536 } })).includes('[615]'));
});

test('a module with a memory has native objects where the host has several memories', async (t) => {
  const fields = `(memory 1) ${programs['fields of each type']}`;
  const module = await moduleOf(fields);
  const several = WebAssembly.validate(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 5, 5, 2, 0, 0, 0, 0));
  t.is(supportOf(module).isMixed, !several);
  const trio = trioOf(module);
  t.is(
    differs(trio, 'run', [23], () => 40, 200),
    undefined,
  );
  disposeOf(trio);
});

test('instances of several modules share types, and each others objects', async (t) => {
  const maker = await moduleOf(`${types} (func (export "make") (param i32) (result (ref $node))
    (if (result (ref $node)) (i32.and (local.get 0) (i32.const 1)) (then (struct.new $node (local.get 0) (ref.null $node))) (else (struct.new_default $leaf))))`);
  const user = await moduleOf(
    `(type $unused (struct (field f64))) ${types} (import "m" "make" (func $make (param i32) (result (ref $node))))
    (func (export "run") (param i32) (result i32) (local $s i32)
      (loop (local.set $s (i32.add (i32.mul (local.get $s) (i32.const 3)) (ref.test (ref $big) (call $make (local.get 0)))))
        (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
      (local.get $s))`.replace(/^(.*?)(\(import .*?\)\)\)\))/s, '$2 $1'),
  );
  const outcomes = engines.map((engine) => {
    const vm = new VM({ engine });
    const made = vm.instantiate(maker);
    const used = vm.instantiate(user, { m: made.exports });
    return vm.invoke(used.func('run'), [9])[0];
  });
  t.is(outcomes[1], outcomes[0]);
  t.true((outcomes[0] as number) > 0);
});
