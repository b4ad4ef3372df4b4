// The VMs of jobs that a thread keeps between two of their slices.

import { CrashError } from '../../spec/errors.ts';
import type { VM } from '../../vm.ts';
import type { Wasi } from '../../wasi/index.ts';
import { dropGroup } from './group-slice.ts';
import { forgetCheckpoint } from './saving.ts';

/** A VM, and what it imports where it is a program for WASI. */
export interface Warm {
  readonly vm: VM;
  readonly system: Wasi | undefined;
}

/** By job. They are dropped as they are: another thread may have their memories. */
const warm = new Map<number, Warm>();

export function keepWarm(job: number, kept: Warm): void {
  warm.set(job, kept);
}

export function takeWarm(job: number): Warm {
  const kept = warm.get(job);
  if (kept === undefined) throw new CrashError(`the VM of job ${job} was not kept`);
  warm.delete(job);
  return kept;
}

/** Of jobs that are nobody's here any more. */
export function drop(jobs: readonly number[]): void {
  for (const job of jobs) {
    warm.delete(job);
    forgetCheckpoint(job);
    dropGroup(job);
  }
}
