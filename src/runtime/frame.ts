// The canonical frame, and the stack of them. Its invariants are stated here and nowhere else.
//
// A stack is two arrays. `frames` has three words a frame, outermost first:
//   func   address of the function in the store (which tells instance and index)
//   pc     byte offset from the start of the function's instruction sequence, at an instruction boundary: the next
//          instruction to execute; in a frame that waits for a callee, the one after the call
//   base   the slot where the frame's locals begin
// `slots` has 8 bytes (two int32 words) a slot. A frame's locals, parameters first, stand at `base`; its operands
// follow, bottom first. v128 takes two slots, everything else one; i32 and f32 use the low word, i64 and f64 both,
// low word first. References are (payload, kind) as value.ts says; null is all zero, and so is every fresh local.
// The arguments of a call are the callee's first locals: a waiting frame's operands end where its callee begins, so the
// stack is one gapless row of slots up to `top`.
// How many locals and operands there are, and of which types, follows from the function and the pc; it is never stored.
// Between runs of an engine all of this holds; while one runs, it may keep its own numbers in the frames it made.

import { ExhaustionError } from '../spec/errors.ts';
import type { FuncAddr } from '../spec/types.ts';

export const frameWords = 3;

export interface StackLimits {
  /** Most frames; one more is `call stack exhausted`. */
  readonly frames: number;
  /** Most slots (of 8 bytes) of all frames together. */
  readonly slots: number;
}

export class Stack {
  frames = new Int32Array(64 * frameWords);
  words: Int32Array = new Int32Array(2048);
  floats = new Float32Array(this.words.buffer);
  doubles = new Float64Array(this.words.buffer);
  bytes = new Int8Array(this.words.buffer);
  shorts = new Int16Array(this.words.buffer);
  /** Number of frames. */
  depth = 0;
  /** Number of slots in use. */
  top = 0;

  constructor(readonly limits: StackLimits) {}

  func(i: number): FuncAddr {
    return this.frames[i * frameWords] as number;
  }
  pc(i: number): number {
    return this.frames[i * frameWords + 1] as number;
  }
  base(i: number): number {
    return this.frames[i * frameWords + 2] as number;
  }
  /** The slot after the frame's last operand. */
  end(i: number): number {
    return i + 1 < this.depth ? this.base(i + 1) : this.top;
  }
  setPc(i: number, pc: number): void {
    this.frames[i * frameWords + 1] = pc;
  }

  /** Pushes a frame; its slots must be in place or written by the caller. Throws ExhaustionError. */
  push(func: FuncAddr, pc: number, base: number): void {
    this.reserveFrames(this.depth + 1);
    this.frames.set([func, pc, base], this.depth * frameWords);
    this.depth++;
  }

  /** Makes room for `count` frames. Throws ExhaustionError past the limit. */
  reserveFrames(count: number): void {
    if (count > this.limits.frames) throw new ExhaustionError(`more than ${this.limits.frames} frames`);
    if (count * frameWords <= this.frames.length) return;
    const wider = new Int32Array(
      Math.min(this.limits.frames, Math.max(count, (2 * this.frames.length) / frameWords)) * frameWords,
    );
    wider.set(this.frames);
    this.frames = wider;
  }

  /** Makes room for `count` slots. Throws ExhaustionError past the limit. */
  reserveSlots(count: number): void {
    if (count > this.limits.slots) throw new ExhaustionError(`more than ${this.limits.slots * 8} bytes of frames`);
    if (count * 2 <= this.words.length) return;
    const wider = new Int32Array(Math.min(this.limits.slots, Math.max(count, this.words.length)) * 2);
    wider.set(this.words);
    this.words = wider;
    this.floats = new Float32Array(wider.buffer);
    this.doubles = new Float64Array(wider.buffer);
    this.bytes = new Int8Array(wider.buffer);
    this.shorts = new Int16Array(wider.buffer);
  }

  clear(): void {
    this.depth = 0;
    this.top = 0;
  }
}
