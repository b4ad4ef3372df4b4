import { readFileSync } from 'node:fs';
import test from 'ava';
import { decode } from '../../src/binary/decode.ts';
import { InvalidError } from '../../src/spec/errors.ts';
import { typeName, typeNames } from '../../src/spec/types.ts';
import { funcType } from '../../src/validate/context.ts';
import { validate } from '../../src/validate/module.ts';
import { planOf } from '../../src/validate/safepoints.ts';
import { branchTargets } from '../../src/validate/targets.ts';
import { contextOf } from './assembly.ts';

test('index spaces hold imports first, with closed types', async (t) => {
  const context = await contextOf(`
    (type $s (struct)) (type $f (func (param (ref null $s))))
    (import "m" "f" (func (type $f))) (import "m" "g" (global (mut i64))) (import "m" "t" (table 1 funcref))
    (func (param i32)) (global (ref null $s) (ref.null $s)) (memory 1) (tag (param f64))
    (elem (ref null $f)) (elem func 0)`);
  t.is(context.importedFuncs, 1);
  t.deepEqual(
    [context.importedGlobals, context.importedTables, context.importedMemories, context.importedTags],
    [1, 1, 0, 0],
  );
  t.is(typeNames(funcType(context, 0).params), `[${typeName(context.typeRefs[1] ?? 'i32')}]`);
  t.is(typeNames(funcType(context, 1).params), '[i32]');
  t.is(context.globals[1]?.type, context.typeRefs[1]);
  t.is(context.tags[0]?.comp.kind, 'func');
  t.is(context.elemTypes[0]?.heap, context.types[1]);
  t.is(typeName(context.elemTypes[1] ?? 'i32'), '(ref func)');
});

test('functions named outside of bodies are declared', async (t) => {
  const context = await contextOf(`
    (func $a) (func $b) (func $c) (func $d) (func $e)
    (global funcref (ref.func $a)) (export "b" (func $b)) (elem declare func $c)
    (table 1 funcref (ref.func $d)) (start $e)`);
  t.deepEqual([...context.refs].sort(), [0, 1, 2, 3]);
});

const bad: [message: string, fields: string][] = [
  ['unknown type 1', '(type (func (param (ref 1))))'],
  ['unknown type 1', '(type (sub 1 (struct))) (type (sub (struct)))'],
  ['sub type 1 does not match super type 0', '(type (sub (struct (field i32)))) (type (sub 0 (struct (field i64))))'],
  ['sub type 1 does not match super type 0', '(type (struct)) (type (sub 0 (struct)))'],
  ['non-function type 0', '(type (struct)) (func (type 0))'],
  ['non-empty tag result type', '(tag (result i32))'],
  ['memory size must be at most 65536 pages (4GiB)', '(memory 65537)'],
  ['memory size must be at most', '(memory i64 0x1_0000_0000_0001)'],
  ['memory size must be at most', '(memory 0x1_0000_0000 (pagesize 1))'],
  ['invalid custom page size', '(memory 0 (pagesize 2))'],
  ['size minimum must not be greater than maximum', '(memory 2 1)'],
  ['size minimum must not be greater than maximum', '(import "" "" (table 2 1 funcref))'],
  ['shared memory must have maximum', '(memory 1 shared)'],
  ['type mismatch: the table needs an initializer', '(table 1 (ref func))'],
  ['unknown global 0', '(table 1 i31ref (ref.i31 (global.get 0))) (global i32 (i32.const 0))'],
  ['unknown global 1', '(global i32 (global.get 1)) (global i32 (i32.const 1))'],
  ['constant expression required', '(global i32 (i32.ctz (i32.const 1)))'],
  ['constant expression required', '(import "" "" (global (mut i32))) (global i32 (global.get 0))'],
  ['type mismatch', '(global i32 (i64.const 1))'],
  ['type mismatch', '(global i32 (i32.const 1) (i32.const 1))'],
  ['duplicate export name "a"', '(func) (export "a" (func 0)) (export "a" (func 0))'],
  ['unknown memory 0', '(export "a" (memory 0))'],
  ['unknown tag 0', '(export "a" (tag 0))'],
  ['start function', '(func (param i32)) (start 0)'],
  ['unknown function 3', '(start 3)'],
  ['unknown table 0', '(elem (i32.const 0) func)'],
  ['unknown function 4', '(elem func 4)'],
  ['type mismatch', '(table i64 1 funcref) (elem (i32.const 0) func)'],
  ['type mismatch', '(table 1 externref) (func) (elem (i32.const 0) func 0)'],
  ['unknown memory 0', '(data (i32.const 0) "a")'],
];

for (const [message, fields] of bad) {
  test(`invalid: ${message} — ${fields}`, async (t) => {
    const error = await t.throwsAsync(contextOf(fields), { instanceOf: InvalidError });
    t.true(error.message.startsWith(message), error.message);
  });
}

test('constant expressions may compute, and see the globals before them', async (t) => {
  await t.notThrowsAsync(
    contextOf(`(import "m" "g" (global i32)) (type $s (struct (field i32)))
      (global i32 (i32.mul (global.get 0) (i32.const 3))) (global (ref $s) (struct.new $s (global.get 1)))
      (memory 1) (data (i32.add (global.get 1) (i32.const 1)) "a")`),
  );
});

const packages = [
  '@cwasm/lodepng/lodepng.wasm',
  '@wasm-fmt/gofmt/gofmt.wasm',
  'tiny-secp256k1/lib/secp256k1.wasm',
  '@chainsafe/as-sha256/build/optimized.wasm',
];
const root = new URL('../../node_modules/', import.meta.url);

for (const name of packages) {
  test(`a module from practice: ${name}`, (t) => {
    const context = validate(decode(readFileSync(new URL(name, root))));
    t.true(context.funcs.length > 0);
    for (let func = context.importedFuncs; func < context.funcs.length; func++) {
      const plan = planOf(context, func);
      const { blocks } = branchTargets(context, func);
      t.true(plan.entryCost >= 1 && blocks.length >= plan.loopCosts.size);
    }
  });
}
