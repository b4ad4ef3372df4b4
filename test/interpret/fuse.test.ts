// Sequences of ops that run as one and hand values over in variables compute what the ops one by one do.

import test from 'ava';
import { VM } from '../../src/index.ts';
import { codeOf } from '../../src/interpret/machine/code.ts';
import { fusions } from '../../src/interpret/machine/fusions.ts';
import { ops, partName, partNamed } from '../../src/interpret/machine/ops.ts';
import { moduleOf } from '../wat.ts';

test('every part of a sequence is an op that there is, and what it takes was made before', (t) => {
  for (const names of fusions)
    names.forEach((name, i) => {
      const { op, links } = partNamed(name);
      t.is(partName(op.name, links), name);
      for (const link of links) if (link !== undefined) t.true(link.distance >= 1 && link.distance <= i, name);
    });
});

/** Runs `f` folded and fused, and in plain code; tells the names of the fused ops too. */
async function compared(fields: string, args: readonly unknown[]) {
  const module = await moduleOf(fields);
  const results = [{}, { steps: 1_000_000 }].map((budget) => {
    const vm = new VM({ engine: 'interpreter' });
    vm.start(vm.instantiate(module).func('f'), args);
    const outcome = vm.run(budget);
    return outcome.status === 'returned' ? outcome.values : outcome.status;
  });
  const { words, lowered } = codeOf(module);
  const used: string[] = [];
  for (const it of lowered.folded)
    if (it !== undefined) for (let at = it.entry; at < it.end; at++) used.push(ops[words[at] as number]?.name ?? '');
  return { results, used };
}

test('bits of a word are mixed', async (t) => {
  const f = `(func (export "f") (param i64) (result i64)
    (i64.mul (i64.xor (local.get 0) (i64.shr_u (local.get 0) (i64.const 30))) (i64.const 0xbf58476d1ce4e5b9)))`;
  for (const x of [0n, 1n, -1n, 0x1234_5678_9abc_def0n]) {
    const { results, used } = await compared(f, [x]);
    const u = BigInt.asUintN(64, x);
    const expected = [BigInt.asIntN(64, (u ^ (u >> 30n)) * 0xbf58_476d_1ce4_e5b9n)];
    t.deepEqual(results, [expected, expected]);
    t.true(used.some((name) => name.startsWith('i64.shr_u k<32 + i64.xor a<1')));
  }
});

test('a local that a sequence hands over is set all the same', async (t) => {
  const f = `(func (export "f") (param i64 i64) (result i64 i64) (local i64)
    (local.set 2 (i64.xor (local.get 0) (local.get 1)))
    (i64.rotl (local.get 2) (i64.const 40))
    (local.get 2))`;
  const a = 0x0123_4567_89ab_cdefn;
  const { results } = await compared(f, [a, 1n]);
  const x = a ^ 1n;
  const turned = BigInt.asIntN(64, (x << 40n) | (x >> 24n));
  t.deepEqual(results, [
    [turned, x],
    [turned, x],
  ]);
});

test('a value that a branch takes along is there for those who go on without it, too', async (t) => {
  const f = `(func (export "f") (param i32 i32) (result i32)
    (block $l (result i32)
      (i32.add (i32.xor (local.get 0) (i32.const 5)) (i32.const 1))
      (br_if $l (local.get 1))
      (i32.const 100)
      i32.add))`;
  for (const [x, taken] of [
    [6, 0],
    [6, 1],
  ] as const) {
    const { results } = await compared(f, [x, taken]);
    const expected = [(x ^ 5) + 1 + (taken ? 0 : 100)];
    t.deepEqual(results, [expected, expected]);
  }
});

test('words that no store has cut are signed all the same', async (t) => {
  const f = `(func (export "f") (param i32 i32) (result i32)
    (i32.lt_s (i32.shl (i32.shr_u (local.get 0) (i32.const 0)) (i32.const 0)) (i32.and (i32.shr_u (local.get 1) (i32.const 0)) (i32.const -1))))`;
  for (const [a, b] of [
    [-5, 3],
    [3, -5],
    [-1, -2],
  ] as const) {
    const { results } = await compared(f, [a, b]);
    t.deepEqual(results, [[a < b ? 1 : 0], [a < b ? 1 : 0]]);
  }
});

test('a trap inside a sequence names its own instruction', async (t) => {
  const module = await moduleOf(`(memory 1)
    (func (export "f") (param i32) (result i64)
      (i64.xor (i64.const 7) (i64.load (i32.add (local.get 0) (i32.const 65530)))))`);
  const places = [{}, { steps: 100 }].map((budget) => {
    const vm = new VM({ engine: 'interpreter' });
    vm.start(vm.instantiate(module).func('f'), [3]);
    const outcome = vm.run(budget);
    return outcome.status === 'trapped' ? outcome.trap.frames?.map(({ pc }) => pc) : outcome.status;
  });
  t.true(Array.isArray(places[0]));
  t.deepEqual(places[0], places[1]);
});
