// Where a job is at some moment: what whoever goes on with it needs.

import { shareBytes } from '../told/parcel.ts';
import type { Answer, HeldVm, Progress } from '../told/protocol.ts';

/** Where a job is at some moment. */
export interface Place {
  readonly vm: HeldVm;
  readonly progress: Progress;
  /** Fuel paid for by the job until then. */
  readonly paid: number;
  /** What the call that the VM waits for has been answered, where it came with the answer. */
  readonly answer: Answer | undefined;
}

const nothing = shareBytes(new Uint8Array());
/** Where an ended job is. */
export const nowhere: Place = {
  vm: { kind: 'saved', bytes: nothing, foreign: false },
  progress: { next: '', state: nothing },
  paid: 0,
  answer: undefined,
};

/** Where one is that has to be read from the store first. */
export const inStore = (paid: number): Place => ({ ...nowhere, vm: { kind: 'stored' }, paid });
