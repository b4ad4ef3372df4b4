// A stack as it is told: by what a frame has in common with the one below it. Where a function has called itself, most slots of
// both are equal, or differ by as much as those of the two frames before; the rest are pointers.

import { frameWords } from '../../runtime/frame.ts';
import { SnapshotError } from '../../spec/errors.ts';
import { Near } from './near.ts';

const [func, pc, base] = [0, 1, 2];

/** Frames and slots in one row, as they are told. */
export function toldStack(frames: Int32Array, slots: Int32Array): Int32Array {
  const near = new Near();
  const told = new Int32Array(frames.length + slots.length);
  told.set(frames);
  for (let at = frameWords; at < frames.length; at += frameWords)
    told[at + base] = word(frames, at + base) - word(frames, at + base - frameWords);
  const [differences, own] = [told.subarray(frames.length), slots.slice()];
  for (const { from, below, size } of likeBelow(frames, slots.length))
    for (let i = 0; i < size; i++) own[from + i] = word(slots, from + i) - word(slots, below + i);
  for (let i = 0; i < own.length; i++) differences[i] = near.told(word(own, i));
  return told;
}

/** Back again. Throws SnapshotError where bases of frames are none. */
export function readStack(told: Int32Array, ofFrames: number): { frames: Int32Array; slots: Int32Array } {
  const near = new Near();
  const [frames, slots] = [told.slice(0, ofFrames), told.slice(ofFrames)];
  for (let at = frameWords; at + base < ofFrames; at += frameWords)
    frames[at + base] = word(frames, at + base) + word(frames, at + base - frameWords);
  for (let i = 0; i < slots.length; i++) slots[i] = near.read(word(slots, i));
  for (const { from, below, size } of likeBelow(frames, slots.length))
    for (let i = 0; i < size; i++) slots[from + i] = word(slots, from + i) + word(slots, below + i);
  return { frames, slots };
}

const word = (row: Int32Array, at: number) => row[at] as number;

/** Words of slots of frames that are as those below them: same function, same place, as many slots. */
function* likeBelow(frames: Int32Array, words: number): Iterable<{ from: number; below: number; size: number }> {
  const start = (at: number) => (at < frames.length ? 2 * word(frames, at + base) : words);
  for (let at = frameWords; at + base < frames.length; at += frameWords) {
    const [below, from, end] = [start(at - frameWords), start(at), start(at + frameWords)];
    if (!(below >= 0 && below <= from && from <= end && end <= words))
      throw new SnapshotError('a stack that is none', 'token');
    const isLike =
      word(frames, at + func) === word(frames, at + func - frameWords) &&
      word(frames, at + pc) === word(frames, at + pc - frameWords) &&
      end - from === from - below;
    if (isLike) yield { from, below, size: end - from };
  }
}
