// The host's stack, of which this thread has one for all of its VMs: what native code may use of it. A host function that
// native code calls leaves to others, to the same VM or to another, what is left then.

/** Of this thread's stack, what guest code may use: a frame may be twice as large as it is guessed to be. */
const share = 0.4;
/** What a run inside a host function can use in any case. */
const leastBytes = 2_000;

/** Bytes for the next run; at first of the smallest stack that Node gives a thread. */
let bytes = 400_000;

/** Tells how large this thread's stack is. From then on deep recursion has to leave native code less often. */
export function useStack(mebibytes: number): void {
  bytes = Math.floor(share * mebibytes * 2 ** 20);
}

export const nativeStack = {
  /** Bytes that the next run of native code may use. */
  get bytes(): number {
    return bytes;
  },
  /** So many are left, or what a run can have in any case. Returns what there was before. */
  leave(rest: number): number {
    const before = bytes;
    bytes = Math.max(leastBytes, rest);
    return before;
  },
  restore(before: number): void {
    bytes = before;
  },
};
