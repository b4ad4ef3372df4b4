// Native stores whose stores are gone, for the next ones of the same modules: to make instances of the host's takes longer
// than most short calls. One is of use only with the memories that it was made with, which are given back with it.

import { bounds } from '../../runtime/kept/bounds.ts';
import { type MemoryInst, whenMemoryIsGone } from '../../runtime/memory/memory.ts';
import type { Store } from '../../runtime/store.ts';
import type { NativeStore } from './native.ts';

interface Spare {
  readonly native: NativeStore;
  readonly bytes: number;
}

/** Those given back last at the end. */
const spare: Spare[] = [];
let spareBytes = 0;

/** How many are kept for the next to want one, and what they are taken to need in bytes, with their memories. */
export const spareNatives = (): { count: number; bytes: number } => ({ count: spare.length, bytes: spareBytes });

/** What the host is taken to need for an instance, and for each of its functions. */
const instanceBytes = 16_384;
const functionBytes = 256;
/** Likewise for an element of a table, as the host has it and as it is shown. */
const elementBytes = 64;
/** The module, which is held, and the host's code of it, as a multiple of its bytes. */
const codeFactor = 8;

/** Whether a memory will be given to the next one of its module: it is as small as at first. */
const comesBack = ({ isReusable, pages, type }: MemoryInst): boolean => isReusable && pages === Number(type.limits.min);

/** The store is gone: what is its own may serve another one, unless somebody else holds it. */
export function giveNative(native: NativeStore): void {
  const { sole, store, hasGrown, elements, instanceCount } = native;
  native.leave();
  // A heap in a memory has numbers of shapes that are its own.
  if (sole === undefined || hasGrown || store.heap.isInMemory || !store.memories.every(comesBack)) return;
  const functions = instanceBytes * instanceCount + functionBytes * sole.context.funcs.length;
  const rest = functions + elementBytes * elements + codeFactor * sole.bytes.length;
  const bytes = store.memories.reduce((sum, { buffer }) => sum + buffer.byteLength, rest);
  spare.push({ native, bytes });
  spareBytes += bytes;
  while (spareBytes > bounds.spareNatives || spare.length > bounds.spareNativeCount) remove(0);
}

function remove(i: number): NativeStore {
  const [{ native, bytes }] = spare.splice(i, 1) as [Spare];
  spareBytes -= bytes;
  return native;
}

// A memory that its next VM has grown, lent or sent away comes back to nobody: what is linked with it would only hold it.
whenMemoryIsGone((host) => {
  for (let i = spare.length - 1; i >= 0; i--) if (spare[i]?.native.holds(host)) remove(i);
});

/** Whether there is one for the store. */
export const isAtHand = (store: Store): boolean => spare.some(({ native }) => native.suits(store));

/** One for the store, if there is. */
export function takeNative(store: Store): NativeStore | undefined {
  const i = spare.findLastIndex(({ native }) => native.suits(store));
  if (i < 0) return undefined;
  const native = remove(i);
  native.serve(store);
  return native;
}
