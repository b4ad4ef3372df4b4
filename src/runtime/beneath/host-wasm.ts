// The host's own WebAssembly, for what of ours runs on it. A program may put a look-alike (js-api/) in the place of the
// global one later, and that runs on us.

/** @internal */
export const hostWasm = WebAssembly;

/** One of its memories: named here, as not every program that uses our types has those of the host. */
export interface HostMemory {
  readonly buffer: ArrayBuffer;
  grow(delta: number): number;
}
/** A module that it has compiled. */
export type HostModule = object;
