// The body of a function in rewritten form that is none itself: it passes its arguments to the engine through the scratch
// memory, and takes the results from there. Host functions have such bodies, and functions that stay interpreted.

import { Writer } from '../../binary/writer.ts';
import type { FuncType } from '../../spec/types.ts';
import type { ScratchFunc } from '../read/index-spaces.ts';
import { lowAll, slotsOfLow, writeLocals } from '../read/types.ts';
import { Op } from './ops.ts';

/** Numbers in the module that the body is for. */
interface Places {
  readonly scratch: (name: ScratchFunc) => number;
  /** The global that tells what code was charged beyond its fuel. */
  readonly owed: number;
  /** The engine's function: what is asked for if that is told, depth, fuel and what is owed in; out what a call gives. */
  readonly call: number;
  readonly subject?: number;
}

/** About what each argument or result takes there. */
export const handOverBytes = 10;

export function handOver({ params: given, results }: FuncType, { scratch, owed, call, subject }: Places): Uint8Array {
  const w = new Writer();
  const params = lowAll(given);
  const index = (opcode: number, number: number) => {
    w.byte(opcode);
    w.u32(number);
  };
  const constant = (value: number) => {
    w.byte(Op.i32Const);
    w.s32(value);
  };
  const depth = params.length;
  const answer = depth + 2;
  writeLocals(w, ['i32']);
  let slot = 0;
  params.forEach((type, i) => {
    index(Op.localGet, i);
    constant(slot * 8);
    index(Op.call, scratch(`set_${type}`));
    slot += slotsOfLow(type);
  });
  if (subject !== undefined) constant(subject);
  index(Op.localGet, depth);
  index(Op.localGet, depth + 1);
  index(Op.globalGet, owed);
  constant(0);
  index(Op.globalSet, owed);
  index(Op.call, call);
  index(Op.localSet, answer);
  slot = 0;
  for (const type of lowAll(results)) {
    constant(slot * 8);
    index(Op.call, scratch(`get_${type}`));
    slot += slotsOfLow(type);
  }
  index(Op.localGet, answer);
  w.byte(Op.end);
  return w.finish();
}
