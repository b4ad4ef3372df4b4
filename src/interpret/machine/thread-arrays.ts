// The arrays that the loop works on, the same ones for all VMs of a thread: V8 compiles the address and the length of an
// array into a loop that never meets another one, which makes it half as fast again. The stack of the VM that runs lies
// here (frame.ts, `moveTo`), and all lowered code. What does not fit makes larger arrays; enter.ts then makes a new loop.
// A VM that a host function runs takes the place of the one around it, whose frames are complete then but for the pc of
// its top one; that one takes it again when the host function has ended (`Machine.refreshStack`).

import { frameWords, type Stack, type StackArrays } from '../../runtime/frame.ts';

/** Sizes to begin with. The system gives the memory only as it is written to. */
const codeWords = 1 << 22;
const stackWords = 1 << 21;
const stackFrames = 131_072;

/** The first word of code: no op has this number, so that the loop is left at once. */
const noOp = -1;

/** The words of slots under each type that is read there, and frames. */
export interface StackViews extends StackArrays {
  readonly floats: Float32Array;
  readonly doubles: Float64Array;
  readonly bytes: Int8Array;
  readonly shorts: Int16Array;
}

/** New arrays of so many words of slots and words of frames, all zero. */
function stackViews(words: number, frames: number): StackViews {
  const { buffer } = new Int32Array(words);
  return {
    words: new Int32Array(buffer),
    floats: new Float32Array(buffer),
    doubles: new Float64Array(buffer),
    bytes: new Int8Array(buffer),
    shorts: new Int16Array(buffer),
    frames: new Int32Array(frames),
  };
}

class ThreadArrays {
  stack: StackViews = stackViews(stackWords, stackFrames * frameWords);
  code = newCode(codeWords);
  /** Whose stack lies here. */
  private resident: Stack | undefined;

  /** Makes `stack` the one that lies here. */
  hold(stack: Stack): void {
    if (stack.arrays === this.stack) return;
    if (this.resident?.arrays === this.stack) this.resident.moveOut();
    const { words, frames } = stack.arrays;
    if (words.length > this.stack.words.length || frames.length > this.stack.frames.length) this.widenStack(stack);
    stack.moveTo(this.stack);
    this.resident = stack;
  }

  private widenStack({ words, frames }: Stack): void {
    const { stack } = this;
    const most = (now: number, asked: number) => (asked > now ? 2 * asked : now);
    this.stack = stackViews(most(stack.words.length, words.length), most(stack.frames.length, frames.length));
  }

  /** Gives memory of code back that is more than there is to begin with. */
  renewCode(): void {
    if (this.code.length > codeWords) this.code = newCode(codeWords);
  }

  widenCode(): void {
    const wider = newCode(this.code.length * 2);
    wider.set(this.code);
    this.code = wider;
  }
}

function newCode(length: number): Int32Array {
  const code = new Int32Array(length);
  code[0] = noOp;
  return code;
}

export const threadArrays = new ThreadArrays();
