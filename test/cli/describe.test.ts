// What `inspect` tells of modules and saved programs that are made to be told at length.

import test from 'ava';
import { describeModule } from '../../src/cli/inspect/describe.ts';
import { describeSaved } from '../../src/cli/inspect/stack.ts';
import { toJson } from '../../src/cli/told/print.ts';
import { Snapshot, VM } from '../../src/index.ts';
import { moduleOf } from '../wat.ts';

const long = 'n'.repeat(10_000);

test('a module of many exports, with long types and names', async (t) => {
  const count = 12_000;
  const exports = Array.from({ length: count }, (_, i) => `(export "${i}" (func 1))`).join(' ');
  const params = 'i64 '.repeat(1000);
  const module = await moduleOf(`(import "${long}" "${long}" (func (param i32)))
    (func $${long} (param ${params})) ${exports}`);
  const { lines, json } = describeModule('file', module);
  t.true(toJson(json).length < 6_000_000);
  t.true(lines.every((line) => line.length < 1000));
  t.is(lines.at(-1), '  and 2000 more');
  t.like(json, { counts: { exports: count, imports: 1 } });
});

test('a module of few of them is told whole', async (t) => {
  const module = await moduleOf('(import "env" "f" (func)) (func (export "a")) (memory (export "b") 1)');
  const { lines } = describeModule('file', module);
  t.false(lines.some((line) => line.includes('more')));
  t.true(lines.some((line) => /env\.f +func/.test(line)));
});

test('a saved program with long plans', async (t) => {
  const module = await moduleOf('(func (export "f"))');
  const vm = new VM();
  vm.instantiate(module);
  const calls = Array.from({ length: 200 }, () => ({ export: long, args: [long] }));
  const snapshot = Snapshot.decode(vm.save().encode({ calls: calls, modules: [module] }));
  const { lines } = describeSaved({ file: 'file', bytes: 1, snapshot, modules: [module], given: [] }, 10);
  t.true(lines.length < 200 && lines.every((line) => line.length < 2000));
});
