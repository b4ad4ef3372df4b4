// What engines are compared by here: work that takes the host some hundredths of a second, prepared once in a namespace
// shaped like `WebAssembly`, whichever engine is behind it.

import type { WebAssemblyNamespace } from 'wasbox/webassembly';
import { guestIn } from '../measure/guest.ts';
import { assemble, programs, type Work } from '../measure/work.ts';

export interface Task {
  readonly name: string;
  readonly modules: readonly Uint8Array[];
  /** Too large for Binaryen to instrument within the time of a benchmark. */
  readonly large?: boolean;
  /** Resolves to what does the work; each run gives the same answer. */
  prepare(wasm: WebAssemblyNamespace): Promise<() => unknown>;
}

/** How much, and how often. */
const kernelRuns: Readonly<Record<string, readonly [size: number, times: number]>> = {
  fib: [32, 1],
  sieve: [1_000_000, 8],
  matmul: [256, 1],
  nbody: [30_000, 1],
  sha: [6_000_000, 1],
  mix: [15_000_000, 1],
  bintree: [14, 80],
  indirect: [2_000_000, 1],
  switch: [12_000_000, 1],
  copy: [1500, 1],
  collatz: [150_000, 1],
};

export const kernelTasks = (): Promise<Task[]> =>
  Promise.all(
    Object.entries(kernelRuns).map(async ([name, [size, times]]) => {
      const bytes = await assemble(name);
      const run: Work['run'] = (guest) => {
        let answer: unknown;
        for (let i = 0; i < times; i++) answer = guest.call('run', size);
        return answer;
      };
      return taskOf({ name, bytes, prepare() {}, run });
    }),
  );

/** Programs that need no scripts around them. */
export const plainTasks = (): Task[] => programs(16).map(taskOf);

const taskOf = (work: Work): Task => ({
  name: work.name,
  modules: [work.bytes],
  async prepare(wasm) {
    const guest = guestIn(wasm, work.bytes);
    work.prepare(guest);
    return () => work.run(guest);
  },
});
