// Which trap an atomic access ends in that is unaligned, out of bounds, or both: the same on both engines, whichever of
// the host's compilers has seen the code, and with addresses of either type. Both at once is unaligned.

import test from 'ava';
import { Trap, VM } from '../../src/index.ts';
import { bytesAccessed, type Instruction, instructions } from '../../src/spec/instructions.ts';
import { moduleOf } from '../wat.ts';

const rows = instructions.filter(({ name }) => /\.atomic\.(load|store|rmw)/.test(name));
const size = 0x1_0000;
const fourGiB = 0x1_0000_0000n;

/** Offset and address; all but the first are outside. */
const places = {
  i32: [
    [0n, 8n],
    [0n, BigInt(size)],
    [0n, -8n],
    [16n, -8n],
  ],
  i64: [
    [0n, 8n],
    [0n, BigInt(size)],
    [0n, fourGiB],
    [16n, -8n],
    [fourGiB, 0n],
    [fourGiB * 8n, -8n],
  ],
} as const;

async function withAccess(row: Instruction, memory: string, addr: 'i32' | 'i64', offset: bigint): Promise<VM[]> {
  const operands = row.params.slice(1).map((type) => `(${type}.const 0)`);
  const access = `(${row.name} offset=${offset} (local.get 0) ${operands.join(' ')})`;
  const body = row.results.length === 0 ? access : `(drop ${access})`;
  const module = await moduleOf(`(memory ${memory}) (func (export "f") (param ${addr}) ${body})`);
  return (['interpreter', 'native'] as const).map((engine) => {
    const vm = new VM({ engine });
    vm.instantiate(module);
    return vm;
  });
}

function kind(vm: VM, address: number | bigint): string {
  try {
    vm.invoke(vm.instance(0).func('f'), [address]);
    return 'fine';
  } catch (error) {
    if (error instanceof Trap) return error.kind;
    throw error;
  }
}

for (const row of rows)
  test(row.name, async (t) => {
    const bytes = bytesAccessed(row);
    for (const addr of ['i32', 'i64'] as const)
      for (const [i, [offset, at]] of places[addr].entries()) {
        const vms = await withAccess(row, addr === 'i32' ? '1' : 'i64 1', addr, offset);
        const aligned = i === 0 ? 'fine' : 'out of bounds memory access';
        for (const vm of vms)
          for (let past = 0; past < bytes; past++) {
            const address = addr === 'i32' ? Number(at) + past : at + BigInt(past);
            t.is(kind(vm, address), past === 0 ? aligned : 'unaligned atomic', `${addr} ${at} + ${past}, ${offset}`);
          }
        t.is(vms[0]?.fuelUsed, vms[1]?.fuelUsed);
        for (const vm of vms) vm.dispose();
      }
  });
