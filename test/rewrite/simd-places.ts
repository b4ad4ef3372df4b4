// For each access of SIMD, and one that is none, by itself in a function: how its trap is told by either engine, as JSON.

import { Trap, VM } from '../../src/index.ts';
import { instructions } from '../../src/spec/instructions.ts';
import { moduleOf } from '../wat.ts';

const accesses = instructions.flatMap(({ name }) => (/^v128\.(load|store)/.test(name) ? [name] : []));
const textOf = (op: string): string => {
  const lane = op.endsWith('_lane') ? ' 1' : '';
  const value = op.startsWith('v128.store') || lane !== '' ? ' (local.get $v)' : '';
  const access = `(${op} offset=34${lane} (local.get $at)${value})`;
  return op.startsWith('v128.store') ? access : `(local.set $v ${access})`;
};
const module = await moduleOf(`
  (memory 1) (func $far)
  ${[...accesses, 'i32.load']
    .map((op) =>
      op === 'i32.load'
        ? `(func (export "${op}") (param $at i32) (result i32) (i32.load (local.get $at)) (call $far))`
        : `(func (export "${op}") (param $at i32) (result i32) (local $v v128)
            ${textOf(op)}
            (local.set $v (v128.or (local.get $v) (v128.const i32x4 1 2 3 4)))
            (call $far)
            (i32x4.extract_lane 0 (local.get $v)))`,
    )
    .join('\n')}`);

function told(engine: 'interpreter' | 'native', op: string) {
  const vm = new VM({ engine });
  vm.start(vm.instantiate(module).func(op), [70_000]);
  const outcome = vm.run({ fuel: 1_000_000 });
  if (outcome.status !== 'trapped' || !(outcome.trap instanceof Trap)) throw new Error(`${op} has not trapped`);
  const { kind, frames } = outcome.trap;
  return { kind, frames: frames.map(({ func, pc }) => `${func}@${pc}`), fuel: vm.store.fuelUsed };
}

const rows = [...accesses, 'i32.load'].map((op) => ({
  op,
  interpreted: told('interpreter', op),
  native: told('native', op),
}));
console.log(JSON.stringify(rows));
