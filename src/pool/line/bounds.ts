// What a pool keeps that it could make again, each with its bound in bytes; what was used least recently goes first. All
// else is a job's, and gone with it. What the engines and stores of each thread keep has its bounds there.

const KiB = 1024;
const MiB = 1024 * KiB;

/** Not constant, so that tests need not fill them. */
export const bounds = {
  /** Modules that a thread keeps, with the native code that it was given or has made: in its memory, as estimated below. */
  threadModules: 256 * MiB,
  /** VMs that a thread keeps between their slices: stacks, tables, objects. Their memories are the job's anyway. */
  warmVms: 64 * MiB,
  /** How many of these: each has instances of the host besides, which take some 20 KiB. */
  warmCount: 1024,
  /** Pages and stacks of the snapshots that a thread's jobs were saved as last. */
  lastCheckpoints: 64 * MiB,
  /** Modules of jobs that were brought back from the store, for others of the same. */
  recoveredModules: 64 * MiB,
  /** What is known of calls that jobs have made. */
  knownCalls: MiB,
  /** Native code that the main thread keeps to give it to other threads. */
  mainCode: 256 * MiB,
  /** Rewritten modules in a folder; each counts as `leastFile` at the least, so that there are no more than some thousands. */
  cacheFolder: 512 * MiB,
  leastFile: 128 * KiB,
  /** The same in the store of a queue's runners. */
  storedCode: 512 * MiB,
};

/** Counted for each in any case: of those that are small there are not more than a thousand, or the books would be long. */
const least = 256 * KiB;
/** What a decoded module takes: what is known of its functions comes to several times its bytes. */
export const moduleCost = (bytes: number): number => Math.max(least, 8 * bytes);
/** What a compiled module takes: its bytes, and code of both of V8's compilers. */
export const codeCost = (bytes: number): number => Math.max(least, 10 * bytes);
