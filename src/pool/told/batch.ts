// Short jobs of one module go to a thread in one message, and come back in one: what the two say. Each is a call with plain
// numbers of an export of a new VM. The thread runs their first slices one after another; what does not end in that comes back
// as from any slice, and what was not begun as it was.

import type { Value } from '../../runtime/heap/ref.ts';
import { type Parcel, pack } from './parcel.ts';
import { firstStep } from './program.ts';
import type { CodeParcel, Order, Progress, SliceEnd } from './protocol.ts';

/** A value that is copied as it is in no time. */
export type Plain = number | bigint;

const isPlain = (value: unknown): value is Plain => typeof value === 'number' || typeof value === 'bigint';

export const arePlain = (values: readonly unknown[]): values is readonly Plain[] => values.every(isPlain);

/** The beginning of a job that calls an export with plain values: a parcel only where somebody wants one. */
export class PlainStart implements Progress {
  readonly next = firstStep;
  private packed: Parcel | undefined;

  constructor(
    readonly name: string,
    readonly args: readonly Plain[],
  ) {}

  get state(): Parcel {
    this.packed ??= pack({ export: this.name, args: this.args }, 'the input');
    return this.packed;
  }
}

/** What a call is given; undefined where some of it has to be packed. */
export const plainStart = (name: string, args: readonly Value[]): PlainStart | undefined =>
  arePlain(args) ? new PlainStart(name, [...args]) : undefined;

/** One of the jobs. What is left out is so for most. */
export interface BatchedJob {
  readonly job: number;
  readonly name: string;
  readonly args: readonly Plain[];
  /** Of its slice. */
  readonly fuel: number;
  readonly limits?: Order['limits'];
  readonly engine?: Order['engine'];
  readonly services?: Order['services'];
}

/** Main thread to worker. */
export interface BatchOrder extends Pick<Order, 'slot' | 'modules' | 'forget' | 'keep' | 'drop' | 'sentAt'> {
  readonly kind: 'batch';
  readonly jobs: readonly BatchedJob[];
  /** After so many ms no other one is begun. */
  readonly sliceMs: number;
}

/** Numbers of a job's report, one after another, in `BatchReply.reports`. */
export const reportFields = ['charged', 'paid', 'memory', 'guestMs', 'movingMs', 'busyMs'] as const;

/** Worker to main thread. */
export interface BatchReply {
  /** Of the jobs that were begun, in their order; what a call returned as it is, where that is plain. */
  readonly ends: readonly (readonly Plain[] | SliceEnd)[];
  readonly reports: Float64Array;
  readonly compiled: readonly CodeParcel[];
  readonly sentAt: number;
}
