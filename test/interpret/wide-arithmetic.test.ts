// Wide arithmetic: as with BigInt.

import test from 'ava';
import { VM } from '../../src/vm.ts';
import { moduleOf } from '../wat.ts';

const signed = (value: bigint) => BigInt.asIntN(64, value);
const unsigned = (value: bigint) => BigInt.asUintN(64, value);
const pair = (low: bigint, high: bigint) => (high << 64n) | unsigned(low);
const split = (value: bigint) => [signed(value), signed(value >> 64n)];

const values = [
  0n,
  1n,
  -1n,
  0xffff_ffffn,
  0x1_0000_0000n,
  -0x1_0000_0000n,
  0x7fff_ffff_ffff_ffffn,
  -0x8000_0000_0000_0000n,
  0x1234_5678_9abc_def0n,
  -0x0fed_cba9_8765_4321n,
];
const pairs = values.flatMap((a) => values.map((b) => [a, b] as const));

const function4 = (name: string) =>
  `(func (export "${name}") (param i64 i64 i64 i64) (result i64 i64) (${name} (local.get 0) (local.get 1) (local.get 2) (local.get 3)))`;
const function2 = (name: string) =>
  `(func (export "${name}") (param i64 i64) (result i64 i64) (${name} (local.get 0) (local.get 1)))`;
const module = moduleOf(
  ['i64.add128', 'i64.sub128'].map(function4).join(' ') + ['i64.mul_wide_s', 'i64.mul_wide_u'].map(function2).join(' '),
);

test('sums and differences carry through all words', async (t) => {
  const vm = new VM();
  const instance = vm.instantiate(await module);
  for (const [a, b] of pairs) {
    for (const [c, d] of pairs.filter((_, i) => i % 7 === 0)) {
      t.deepEqual(vm.invoke(instance.func('i64.add128'), [a, b, c, d]), split(pair(a, b) + pair(c, d)));
      t.deepEqual(vm.invoke(instance.func('i64.sub128'), [a, b, c, d]), split(pair(a, b) - pair(c, d)));
    }
  }
});

test('products have all their bits', async (t) => {
  const vm = new VM();
  const instance = vm.instantiate(await module);
  for (const [a, b] of pairs) {
    t.deepEqual(vm.invoke(instance.func('i64.mul_wide_s'), [a, b]), split(a * b), `${a} * ${b}`);
    t.deepEqual(vm.invoke(instance.func('i64.mul_wide_u'), [a, b]), split(unsigned(a) * unsigned(b)), `${a} * ${b}`);
  }
});
