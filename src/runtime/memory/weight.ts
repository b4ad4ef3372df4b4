// Shared memories weigh nothing to the garbage collectors of V8 before 14: a thread that has let go of gigabytes of them
// collects nothing. So each is given a plain buffer of its size, which counts; its pages are never touched, and so take
// address space only.

import type { HostMemory } from '../beneath/host-wasm.ts';

/** What is smaller is kept for the next use, or goes with the objects around it. */
const leastBytes = 2 ** 20;
/** A memory that grows page by page is not weighed each time. */
const leastGrowth = 1.25;

/** As ES2024 has it. */
const Resizable = ArrayBuffer as new (bytes: number, options: { readonly maxByteLength: number }) => ArrayBuffer;

/** Something that counts for so many bytes as long as it is held; `last`, where that still tells enough. */
export function weightOf(bytes: number, last?: ArrayBuffer): ArrayBuffer | undefined {
  if (bytes < leastBytes || bytes < (last?.byteLength ?? 0) * leastGrowth) return last;
  try {
    // One of a fixed size may be cleared, which touches all of it: one that could be resized comes from the system as it is.
    return new Resizable(bytes, { maxByteLength: bytes });
  } catch {
    // Without address space for it there is pressure enough.
    return last;
  }
}

const weights = new WeakMap<HostMemory, ArrayBuffer>();

/** Lets the collector know of a shared memory, as large as it is now. */
export function weigh(memory: HostMemory): void {
  const last = weights.get(memory);
  const weight = weightOf(memory.buffer.byteLength, last);
  if (weight !== undefined && weight !== last) weights.set(memory, weight);
}
