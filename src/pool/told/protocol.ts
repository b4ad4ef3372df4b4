// What the main thread and its workers say to each other: one order and one reply a slice, each explained field by
// field. life.ts sends orders and reads replies, worker.ts the reverse. What a worker keeps of it the main thread knows,
// and could do without.

import type { SliceOrder, SliceResult } from '../../javascript/run/afar.ts';
import type { CompiledCode } from '../../rewrite/module/module.ts';
import type { VmLimits } from '../../runtime/store.ts';
import type { SnapshotMessage } from '../../snapshot/send.ts';
import type { VmOptions } from '../../vm.ts';
import type { Parcel } from './parcel.ts';
import type { SliceReport } from './stats.ts';
import type { WasiOrder } from './wasi.ts';

/** An error as plain data. */
export interface ErrorData {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  /** Own properties that can be copied: `code`, `offset`, `kind`, `frames`, … */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly cause: CauseData | undefined;
  /** Those of an AggregateError. */
  readonly errors: readonly CauseData[] | undefined;
}
export type CauseData =
  | { readonly kind: 'error'; readonly error: ErrorData }
  | { readonly kind: 'value'; readonly value: unknown };

/** Where a job is in its program. */
export interface Progress {
  /** The step to run once the guest has returned from the call that it is in; at once where it is in none. */
  readonly next: string;
  /** What that step gets as its state. */
  readonly state: Parcel;
}

/** Between two slices: owned by whoever holds the message, once. */
export interface MovingVm {
  readonly kind: 'moving';
  readonly message: SnapshotMessage;
  /** The parts of the message to transfer, at each hop. */
  readonly transfer: readonly ArrayBuffer[];
}

/** A job's VM, wherever it is. */
export type VmState =
  /** Not made yet: an instance of the module, by hash, its start function pending. */
  | { readonly kind: 'new'; readonly module: string }
  | MovingVm
  /** The worker that gets the order has it: as it was when this worker last replied for the job. */
  | { readonly kind: 'warm' }
  /**
   * A copy in bytes, as `Snapshot.encode` writes it; can be used any number of times. `foreign`: it was saved by
   * somebody else than a job, so that the progress need not fit it. `changes`: what is to be made of it before, each as
   * `Snapshot.encode` writes it with the one before as its base.
   */
  | {
      readonly kind: 'saved';
      readonly bytes: Parcel;
      readonly foreign: boolean;
      readonly changes?: readonly Parcel[] | undefined;
    };

/** The same as the main thread knows it: it may also be in the store and nowhere else. */
export type HeldVm = VmState | { readonly kind: 'stored' };

/** What a service answered to a pending host call, by the call's id. */
export type Answer =
  | { readonly id: number; readonly status: 'returned'; readonly value: Parcel }
  | { readonly id: number; readonly status: 'failed'; readonly error: ErrorData };

/** A module that the order needs. */
export interface ModuleParcel {
  readonly hash: string;
  /** Only where this worker does not hold the module yet. */
  readonly bytes?: Uint8Array;
  /** Of bytes that are known to be valid, what `Module.codes` tells. */
  readonly codes?: readonly number[];
  /** Its native code, where another worker has made that and this one has it not. */
  readonly code?: CompiledCode;
}

/** What a worker has compiled. */
export interface CodeParcel {
  readonly hash: string;
  readonly code: CompiledCode;
}

/** When a slice's end is saved, too: `calls`, where its guest waits for a service, or for long. */
export type Saving = 'always' | 'calls' | 'never';

/** Main thread to worker: do a slice. */
export interface Order {
  /** The worker's word in `WorkerData.pause`. */
  readonly slot: number;
  readonly modules: readonly ModuleParcel[];
  /** Hashes of modules that the worker is to forget; the main thread keeps the books. */
  readonly forget: readonly string[];
  readonly job: number;
  readonly vm: VmState;
  /** A new VM is expected to end in this slice. */
  readonly isBrief: boolean;
  /** The worker shall keep the VM besides giving it back: if nobody else gets it meanwhile, the next order is `warm`. */
  readonly keep: boolean;
  /** Jobs whose VMs it has kept for nothing. */
  readonly drop: readonly number[];
  readonly progress: Progress;
  /** URL of the job module; absent for a job that calls one export. */
  readonly program: string | undefined;
  /** Of a job that is a program for WASI. */
  readonly wasi: WasiOrder | undefined;
  /** URL of a module of host functions. */
  readonly host: string | undefined;
  /** Import modules that the main thread answers for. */
  readonly services: readonly string[];
  readonly limits: Partial<VmLimits>;
  readonly engine: VmOptions['engine'];
  readonly answer: Answer | undefined;
  /** Bytes that the job's output may have. */
  readonly mostOutput: number | undefined;
  /** Until when the slice may go on, by `clock()`, and until when it may save what then is; absent where it may always. */
  readonly times: { readonly run: number; readonly save: number } | undefined;
  readonly task: /** Run until one of the ways to stop; as `checkpoint` says, also save what then is. */
    | {
        readonly kind: 'run';
        readonly fuel: number;
        readonly checkpoint: Saving;
        /** The checkpoint that the main thread has: a worker that has made it tells only what has changed since. */
        readonly last: string | undefined;
        /** Fuel that it may use besides, in portions of about `sliceMs`, while no job waits for a thread. */
        readonly more: number;
        readonly sliceMs: number;
      }
    /** Run nothing; save what is. */
    | { readonly kind: 'save' };
  /** When the order was sent, in ms since 1970, for the statistics. */
  readonly sentAt: number;
}

/** Main thread to worker: do a slice of a JavaScript program. */
export interface ProgramTask {
  readonly kind: 'program';
  /** The worker's word in `WorkerData.pause`. */
  readonly slot: number;
  readonly order: SliceOrder;
  /** It shall rest as soon as it can. */
  readonly isAsked: boolean;
}
export type ProgramReply =
  | { readonly kind: 'slice'; readonly result: SliceResult }
  | { readonly kind: 'failed'; readonly error: ErrorData };

/** Main thread to an idle worker, which has no order to expect: to drop VMs that it has kept for nothing. */
export interface Tidy {
  readonly kind: 'tidy';
  readonly drop: readonly number[];
}

/** A VM that comes back. */
interface Returned {
  readonly vm: MovingVm;
  /** The worker has kept it, as it was asked to. */
  readonly kept: boolean;
  readonly progress: Progress;
  /** The same as a copy, where the order asked for a checkpoint. */
  readonly checkpoint: Checkpoint | undefined;
}

/** A VM as a copy in bytes. */
export interface Checkpoint {
  readonly bytes: Parcel;
  /** What it is called by whoever made it. */
  readonly name: string;
  /** It tells what has changed since the checkpoint `last` of the order. */
  readonly isChange: boolean;
}

/** How a slice ended. */
export type SliceEnd =
  /** The guest has more to do: its fuel was used up, or the pause word was set. */
  | (Returned & { readonly kind: 'rested'; readonly reason: 'fuel' | 'pause' })
  /** The guest waits at a cell of its memory, for so many milliseconds. */
  | (Returned & { readonly kind: 'waits'; readonly timeout: number })
  /** The guest waits for a service. `args` is a list of values. */
  | (Returned & {
      readonly kind: 'called';
      readonly id: number;
      readonly module: string;
      readonly name: string;
      readonly args: Parcel;
    })
  /** The answer to a `save`, or to `pauses.save`: the VM in bytes. It is nowhere else now. */
  | { readonly kind: 'saved'; readonly bytes: Parcel; readonly progress: Progress }
  /** The answer to `pauses.drop`: the VM is gone. */
  | { readonly kind: 'dropped' }
  /** The job's time was over in the middle of what cannot be left and saved: `error` tells of what. The VM is gone. */
  | { readonly kind: 'late'; readonly error: ErrorData }
  /** The program has its output. */
  | { readonly kind: 'done'; readonly output: Parcel }
  /** A trap, a host function that threw, a link error, … */
  | { readonly kind: 'failed'; readonly error: ErrorData };

/** Worker to main thread. */
export interface Reply {
  readonly end: SliceEnd;
  /** Native code that has come to be in this slice. */
  readonly compiled: readonly CodeParcel[];
  readonly report: SliceReport;
}

/** What a worker is born with: on shared memory, one word a worker. */
export interface WorkerData {
  /** One of `pauses`. */
  readonly pause: Int32Array;
  /** One of `stages`. */
  readonly stage: Int32Array;
  /** One of `holds`. */
  readonly hold: Int32Array;
  /** Which job of a batch it has begun last (batch.ts). */
  readonly at: Int32Array;
  /** One word for all: non-zero while a job waits for a thread. */
  readonly crowded: Int32Array;
  /** Threads that have loaded what they run, by their ids (`loadedAt`). */
  readonly loaded: Int32Array;
  /** The folder where rewritten modules are kept for the next time. */
  readonly cache: string | undefined;
}

/** Words for threads that have loaded: threads of a pool whose ids have one word in common there are none, or long after each other. */
export const loadedWords = 1024;
/** Where a thread writes its id once it has loaded. */
export const loadedAt = (id: number): number => id % loadedWords;

/**
 * What the running slice is asked to do: to stop at the next safe point, and then to save the VM, to drop it, or just to
 * make room for a job that cannot wait.
 */
export const pauses = { none: 0, save: 1, drop: 2, yield: 3 } as const;

/** How far a worker is with its last order: at first it has yet to start. `stopped`: its guest, as it was asked to. */
export const stages = { sent: 0, begun: 1, stopped: 2 } as const;

/** Milliseconds since 1970, with fractions, the same on all threads. */
export const clock = (): number => performance.timeOrigin + performance.now();

/**
 * Whether the thread may be ended now. Node 20 ends its whole process where a thread is ended just when zlib begins ("close
 * before init", node_zlib.cc): a thread holds its word while it is there, and one whose word says that it is to end does not go
 * there any more.
 */
export const holds = { free: 0, held: 1, ending: 2 } as const;
