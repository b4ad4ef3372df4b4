// What code pays for, and where it asks for more: charges at entries, loops and on ways.

import { spareFuel } from '../read/index-spaces.ts';
import { firstFrom, type PointShape } from '../read/shape.ts';
import type { BodyWriter } from './body-writer.ts';
import { code, Op } from './ops.ts';

/** Calls in a function or a loop from which on it asks for fuel. */
const manyCalls = 12;

function pay(b: BodyWriter, cost: number): void {
  b.index(Op.localGet, b.fuelLocal);
  b.constant(cost);
  b.w.byte(code['i32.sub']);
  b.index(Op.localSet, b.fuelLocal);
}

/** What a point costs; code leaves there where it has not got that. */
export function charge(b: BodyWriter, cost: number, point: PointShape, at: 'entry' | 'loop'): void {
  if (at === 'entry') {
    b.index(Op.localGet, b.depthLocal);
    b.constant(b.shape.frameBytes);
    b.w.byte(code['i32.sub']);
    b.index(Op.localSet, b.depthLocal);
  }
  pay(b, cost);
  if (asks(b, point, at)) askOrLeave(b, point, at);
  else b.leaveIf(point, at);
}

/** Whether code asks for more there. A call costs what is around it, made or not: so only where that does much. */
function asks({ rest, calls }: BodyWriter, { block, own }: PointShape, at: 'entry' | 'loop'): boolean {
  if (at === 'entry') return calls.length >= manyCalls;
  if (!rest || own.length > 0 || block === undefined) return false;
  const last = calls[firstFrom(calls, block.start, ({ pc }) => pc) + manyCalls - 1];
  return last !== undefined && last.pc <= block.end;
}

/** Asks for more where little is left, and leaves where that is none. */
function askOrLeave(b: BodyWriter, point: PointShape, at: 'entry' | 'loop'): void {
  b.index(Op.localGet, b.fuelLocal);
  b.constant(spareFuel);
  if (at === 'entry') {
    b.w.byte(code['i32.sub']);
    b.index(Op.localGet, b.depthLocal);
    b.w.byte(code['i32.or']);
    b.constant(0);
  }
  b.w.byte(code['i32.lt_s']);
  b.begin(Op.if, [], []);
  b.index(Op.localGet, b.fuelLocal);
  b.constant(b.rest ? 1 : 0);
  b.scratch(b.w, 'more');
  b.index(Op.localSet, b.fuelLocal);
  b.leaveIf(point, at);
  b.endLabel();
}

/** What is charged at the instruction that comes next, if anything. Code is not left there, and may have less than none. */
export function spend(b: BodyWriter): void {
  const cost = b.shape.charges.get(b.pc);
  if (cost !== undefined && b.pc !== b.entered) pay(b, cost);
}
