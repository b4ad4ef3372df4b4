// The canonical frame, and the stack of them. Its invariants are stated here and nowhere else.
//
// A stack is two arrays. `frames` has three words a frame, outermost first:
//   func   address of the function in the store (which tells instance and index)
//   pc     byte offset from the start of the function's instruction sequence, at an instruction boundary: the next
//          instruction to execute; in a frame that waits for a callee, the one after the call
//   base   the slot where the frame's locals begin
// `slots` has 8 bytes (two int32 words) a slot. A frame's locals, parameters first, stand at `base`; its operands
// follow, bottom first. v128 takes two slots, everything else one; i32 and f32 use the low word, i64 and f64 both,
// low word first. References are (payload, kind) as ref.ts says; null is all zero, and so is every fresh local.
// The arguments of a call are the callee's first locals: a waiting frame's operands end where its callee begins, so the
// stack is one gapless row of slots up to `top`.
// How many locals and operands there are, and of which types, follows from the function and the pc; it is never stored.
// Between runs of an engine all of this holds; while one runs, it may keep its own numbers in the frames it made.

import { ExhaustionError } from '../spec/errors.ts';
import type { FuncAddr } from '../spec/types.ts';
import { bounds } from './kept/bounds.ts';

export const frameWords = 3;

export interface StackLimits {
  /** Most frames; one more is `call stack exhausted`. */
  readonly frames: number;
  /** Most slots (of 8 bytes) of all frames together. */
  readonly slots: number;
}

/** The arrays of a stack: the words of its slots, and its frames. */
export interface StackArrays {
  readonly words: Int32Array;
  readonly frames: Int32Array;
}

/** New arrays of so many words of slots and words of frames, all zero. */
export const stackArrays = (words: number, frames: number): StackArrays => ({
  words: new Int32Array(words),
  frames: new Int32Array(frames),
});

/** Words of slots that a stack begins with: most of those that wait need no more. */
const firstWords = 256;
const firstFrames = 16;

/** Words of arrays that a stack keeps while it is elsewhere. */
const mostHome = 2 ** 14;

/** Arrays of stacks that are gone, for the next ones: all zero. */
const spareArrays: StackArrays[] = [];
const noArrays = stackArrays(0, 0);

/** How many are kept. */
export const spareStacks = (): number => spareArrays.length;

/** Frames and slots that were taken off a stack, canonical; the frames' bases count from the first of the slots. */
export interface Lifted {
  readonly words: Int32Array;
  readonly frames: Int32Array;
}

export class Stack {
  /** Its arrays now; they change when it grows, and when it moves. */
  arrays: StackArrays = spareArrays.pop() ?? stackArrays(firstWords, firstFrames * frameWords);
  /** Those of its own, while it is elsewhere: VMs take turns in one place. */
  private home: StackArrays | undefined;
  /** Number of frames. */
  depth = 0;
  /** Number of slots in use. */
  top = 0;

  constructor(private readonly own: StackLimits) {}

  /** What is left of them while frames that are not here belong below those that are. */
  get limits(): StackLimits {
    return this.narrow ?? this.own;
  }
  private narrow: StackLimits | undefined;

  /** Whether frames below are elsewhere, so that a limit may be met early. */
  get isNarrow(): boolean {
    return this.narrow !== undefined;
  }

  /** Does it with limits that are smaller by so many frames and slots. */
  narrowed<T>(frames: number, slots: number, act: () => T): T {
    const { limits } = this;
    return this.within({ frames: limits.frames - frames, slots: limits.slots - slots }, act);
  }

  /** Does it with all that the limits allow. */
  widely<T>(act: () => T): T {
    return this.narrow === undefined ? act() : this.within(undefined, act);
  }

  private within<T>(limits: StackLimits | undefined, act: () => T): T {
    const { narrow } = this;
    this.narrow = limits;
    try {
      return act();
    } finally {
      this.narrow = narrow;
    }
  }

  get words(): Int32Array {
    return this.arrays.words;
  }
  get frames(): Int32Array {
    return this.arrays.frames;
  }

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
    const at = this.depth++ * frameWords;
    this.frames[at] = func;
    this.frames[at + 1] = pc;
    this.frames[at + 2] = base;
  }

  /** Makes room for `count` frames. Throws ExhaustionError past the limit. */
  reserveFrames(count: number): void {
    const { frames } = this.limits;
    if (count > frames) throw new ExhaustionError(`more than ${frames} frames`, { limit: 'frames', value: frames });
    const { length } = this.frames;
    if (count * frameWords <= length) return;
    const wider = Math.min(frames, Math.max(count, (2 * length) / frameWords));
    this.widen(stackArrays(this.words.length, wider * frameWords));
  }

  /** Makes room for `count` slots. Throws ExhaustionError past the limit. */
  reserveSlots(count: number): void {
    const { slots } = this.limits;
    if (count > slots)
      throw new ExhaustionError(`more than ${slots * 8} bytes of frames`, { limit: 'stack', value: slots * 8 });
    const { length } = this.words;
    if (count * 2 <= length) return;
    this.widen(stackArrays(Math.min(slots, Math.max(count, length)) * 2, this.frames.length));
  }

  private widen(arrays: StackArrays): void {
    this.home = undefined;
    this.copyTo(arrays);
  }

  /** To arrays that others use in turn, and that are as large or larger. */
  moveTo(arrays: StackArrays): void {
    if (this.words.length <= mostHome) this.home ??= this.arrays;
    this.copyTo(arrays);
  }

  /** All is copied: an engine may have more in use than `top` tells. */
  private copyTo(arrays: StackArrays): void {
    arrays.words.set(this.words);
    arrays.frames.set(this.frames);
    this.arrays = arrays;
  }

  /** To arrays of its own, with what is in use between runs of an engine. */
  moveOut(): void {
    const words = this.words.subarray(0, this.top * 2);
    const frames = this.frames.subarray(0, this.depth * frameWords);
    this.arrays = homeFor(words.length, frames.length, this.home);
    this.home = undefined;
    this.words.set(words);
    this.frames.set(frames);
  }

  /** Takes off all but `depth` frames and `top` slots. Between runs of an engine only, as `put`. */
  lift(depth: number, top: number): Lifted {
    const words = this.words.slice(top * 2, this.top * 2);
    const frames = this.frames.slice(depth * frameWords, this.depth * frameWords);
    moveBases(frames, -top);
    this.depth = depth;
    this.top = top;
    return { words, frames };
  }

  /** Puts it on top of what is there. Throws ExhaustionError. */
  put({ words, frames }: Lifted): void {
    const { depth, top } = this;
    this.reserveFrames(depth + frames.length / frameWords);
    this.reserveSlots(top + words.length / 2);
    this.words.set(words, top * 2);
    const moved = frames.slice();
    moveBases(moved, top);
    this.frames.set(moved, depth * frameWords);
    this.depth = depth + frames.length / frameWords;
    this.top = top + words.length / 2;
  }

  clear(): void {
    this.depth = 0;
    this.top = 0;
  }

  /** Gives its first arrays back: it must not be used any more. */
  release(): void {
    this.clear();
    const own = this.home ?? this.arrays;
    const isFirst = own.words.length === firstWords && own.frames.length === firstFrames * frameWords;
    // Whoever collects objects reads whole slots, also where an i32 has written half of one.
    if (isFirst && spareArrays.length < bounds.spareStacks) {
      own.words.fill(0);
      spareArrays.push(own);
    }
    this.home = undefined;
    this.arrays = noArrays;
  }
}

/** Arrays for so many words: those that there are, unless they are too small, or much too large. */
function homeFor(words: number, frames: number, known: StackArrays | undefined): StackArrays {
  const wanted = (count: number, first: number) => (count <= first ? first : 2 * count);
  const [most, mostFrames] = [wanted(words, firstWords), wanted(frames, firstFrames * frameWords)];
  const fits = known !== undefined && words <= known.words.length && frames <= known.frames.length;
  if (fits && known.words.length <= 4 * most && known.frames.length <= 4 * mostFrames) return known;
  return stackArrays(most, mostFrames);
}

function moveBases(frames: Int32Array, by: number): void {
  for (let at = 2; at < frames.length; at += frameWords) frames[at] = (frames[at] as number) + by;
}
