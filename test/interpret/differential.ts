// Instructions, run here and by the host's own engine: each in functions that take its operands from memory and put its
// result there, so that all bits are seen.

import { Module } from '../../src/runtime/module/module.ts';
import { bytesAccessed, type Immediate, type Instruction, type OperandType } from '../../src/spec/instructions.ts';
import { VM } from '../../src/vm.ts';
import { assembleText } from '../spec/script/assemble.ts';

/** Where operands stand, 16 bytes each, where memory instructions go, and where the result is put. */
const operandsAt = 16;
const accessAt = 96;
const window = 128;

const operand = (type: OperandType, k: number): string =>
  type === 'addr' ? `(i32.const ${accessAt})` : `(${type}.load offset=${operandsAt * (k + 1)} (i32.const 0))`;

const lanesOf = (row: Instruction): number => Number(/x(\d+)\./.exec(row.name)?.[1] ?? 16 / bytesAccessed(row));

/** The immediates of variant `k`, as text. */
function immediate(row: Instruction, kind: Immediate, k: number): string {
  if (kind === 'lane') return String((5 * k + 1) % lanesOf(row));
  if (kind === 'lanes16') return Array.from({ length: 16 }, (_, i) => (i * 7 + k * 11) % 32).join(' ');
  if (kind === 'v128') return `i32x4 ${k} -1 0x80000000 0x12345678`;
  return kind.startsWith('memarg') ? `offset=${8 * k}` : '';
}

const instructionText = (row: Instruction, k: number): string =>
  [row.name, ...row.immediates.map((kind) => immediate(row, kind, k))].join(' ');

const keep = (result: OperandType | undefined, value: string): string =>
  result === undefined ? value : `(${result}.store (i32.const 0) ${value})`;

/** The operands on the stack. */
function onStack(row: Instruction, k: number): string {
  const operands = row.params.map(operand).join(' ');
  return keep(row.results[0], `(${instructionText(row, k)} ${operands})`);
}

/** The operands in locals, one of which the result overwrites if it can. */
function inLocals(row: Instruction, k: number): string {
  const types = row.params.map((type) => (type === 'addr' ? 'i32' : type));
  const [result] = row.results;
  const target = types.lastIndexOf(result as (typeof types)[number]);
  const set = types.map((_, i) => `(local.set ${i} ${operand(row.params[i] as OperandType, i)})`).join(' ');
  const operation = `(${instructionText(row, k)} ${types.map((_, i) => `(local.get ${i})`).join(' ')})`;
  const body =
    target < 0
      ? keep(result, operation)
      : `(local.set ${target} ${operation}) ${keep(result, `(local.get ${target})`)}`;
  return `(local ${types.join(' ')}) ${set} ${body}`;
}

/** One side: its memory, and how a function is run that works on it. */
interface Side {
  readonly memory: Uint8Array;
  run(name: string): void;
}

function host(bytes: Uint8Array): Side {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes as BufferSource));
  const { memory, ...functions } = instance.exports as { memory: WebAssembly.Memory } & Record<string, () => void>;
  return { memory: new Uint8Array(memory.buffer), run: (name) => (functions[name] as () => void)() };
}

function own(bytes: Uint8Array): Side {
  const vm = new VM();
  const instance = vm.instantiate(Module.from(bytes));
  return { memory: instance.memory('memory').bytes, run: (name) => void vm.invoke(instance.func(name)) };
}

export interface Difference {
  readonly name: string;
  readonly before: string;
  readonly host: string;
  readonly own: string;
}

/**
 * Runs rows on both sides with memories that `fill` makes, and tells where they end differently. `same` compares what
 * the memories hold then.
 */
export async function differences(
  rows: readonly Instruction[],
  rounds: number,
  fill: (bytes: Uint8Array, round: number) => void,
  same: (row: Instruction, a: Uint8Array, b: Uint8Array) => boolean,
  memory = '1',
): Promise<Difference[]> {
  const cases = rows.flatMap((row) =>
    [0, 1, 2].flatMap((k) => [
      { row, name: `${row.name}/stack ${k}`, body: onStack(row, k) },
      { row, name: `${row.name}/locals ${k}`, body: inLocals(row, k) },
    ]),
  );
  const functions = cases.map(({ name, body }) => `(func (export "${name}") ${body})`);
  const bytes = await assembleText(`(module (memory (export "memory") ${memory}) ${functions.join('\n')})`);
  const sides = [host(bytes), own(bytes)] as const;
  const found: Difference[] = [];
  for (let round = 0; round < rounds; round++) {
    const before = new Uint8Array(window);
    fill(before, round);
    for (const { row, name } of cases) {
      const [theirs, ours] = sides.map((side) => {
        side.memory.set(before);
        side.run(name);
        return side.memory.slice(0, window);
      }) as [Uint8Array, Uint8Array];
      if (!same(row, theirs, ours)) found.push({ name, before: hex(before), host: hex(theirs), own: hex(ours) });
    }
  }
  return found;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
