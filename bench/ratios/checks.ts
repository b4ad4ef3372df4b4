// Gives a module the checks that make it preemptible by Asyncify: at the entry of each function and at the head of each
// loop it counts down, and below zero it calls a function that may unwind. The same places as those where our own
// native code charges, but for functions that are bounded.

import type { Span } from '../../src/binary/module.ts';
import type { FuncType } from '../../src/spec/types.ts';
import { decode, encode, InstructionReader, instructionNamed, Writer } from '../measure/built.ts';

/** The function to be called, as the module exports it; it is empty, and made an import by whoever knows how. */
export const yieldExport = 'wasbox.yield';
/** The counter. */
export const fuelExport = 'wasbox.fuel';
/** As much as our own native code runs with between two looks at its budget. */
export const fuelAtOnce = 20_000_000;

const emptyBlock = 0x40;
const opcode = (name: string): number => instructionNamed(name).code;

export function withChecks(bytes: Uint8Array): Uint8Array {
  const syntax = decode(bytes);
  const imported = (kind: string) => syntax.imports.filter(({ desc }) => desc.kind === kind).length;
  const fuel = imported('global') + syntax.globals.length;
  const yielding = imported('func') + syntax.funcs.length;
  const check = checkCode(fuel, yielding);

  const all = new Writer(bytes.length * 2);
  all.bytes(bytes);
  const append = (part: Uint8Array): Span => {
    const start = all.length;
    all.bytes(part);
    return { start, end: all.length };
  };
  const funcs = syntax.funcs.map((func) => ({ ...func, body: append(checked(bytes, func.body, check)) }));
  const type = syntax.types.flat().length;
  const nothing: FuncType = { kind: 'func', params: [], results: [] };
  const empty = { type, entry: 0, locals: [], body: append(Uint8Array.of(opcode('end'))), typeOffset: 0 };
  const init = append(constant(fuelAtOnce));
  return encode({
    ...syntax,
    bytes: all.finish(),
    types: [...syntax.types, [{ final: true, supers: [], comp: nothing }]],
    funcs: [...funcs, empty],
    globals: [...syntax.globals, { type: { type: 'i32', mutable: true }, init, offset: 0 }],
    exports: [
      ...syntax.exports,
      { name: yieldExport, kind: 'func', index: yielding, offset: 0 },
      { name: fuelExport, kind: 'global', index: fuel, offset: 0 },
    ],
    customs: [],
  });
}

function constant(value: number): Uint8Array {
  const w = new Writer();
  w.byte(opcode('i32.const'));
  w.s32(value);
  w.byte(opcode('end'));
  return w.finish();
}

function checkCode(fuel: number, yielding: number): Uint8Array {
  const w = new Writer();
  const withIndex = (name: string, index: number) => {
    w.byte(opcode(name));
    w.u32(index);
  };
  withIndex('global.get', fuel);
  withIndex('i32.const', 1);
  w.byte(opcode('i32.sub'));
  withIndex('global.set', fuel);
  withIndex('global.get', fuel);
  withIndex('i32.const', 0);
  w.byte(opcode('i32.lt_s'));
  w.byte(opcode('if'));
  w.byte(emptyBlock);
  withIndex('call', yielding);
  w.byte(opcode('end'));
  return w.finish();
}

function checked(bytes: Uint8Array, { start, end }: Span, check: Uint8Array): Uint8Array {
  const w = new Writer((end - start) * 2);
  w.bytes(check);
  const r = new InstructionReader(bytes, start, end);
  while (r.pos < r.end) {
    r.next();
    w.bytes(bytes.subarray(r.start, r.pos));
    if (r.row.name === 'loop') w.bytes(check);
  }
  return w.finish();
}
