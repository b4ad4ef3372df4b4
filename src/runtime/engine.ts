// What an engine is: it runs the top frame of a store until an outcome. The driver (vm.ts) sees nothing else of it.

import type { HostError, Trap } from '../spec/errors.ts';
import type { FuncAddr, MemAddr, TagAddr } from '../spec/types.ts';
import type { Value } from './heap/ref.ts';
import type { Module } from './module/module.ts';
import type { InstanceInst, Store } from './store.ts';

/** Why a run was asked to stop. */
export type Interruption =
  /** Another thread set the pause flag. */
  | { readonly kind: 'pause' }
  /** The time of this run is over. */
  | { readonly kind: 'timeout' }
  /** An AbortSignal has asked for it; `cause` is the signal's reason. */
  | { readonly kind: 'signal'; readonly cause: unknown };

/** Why a run was suspended. */
export type SuspendReason =
  /** The fuel of this run is used up. */
  | { readonly kind: 'fuel' }
  | Interruption
  /** The asked number of instructions was executed. */
  | { readonly kind: 'step' }
  /** The guest called a host function that answers later; `VM.deliver` takes the answer. */
  | {
      readonly kind: 'host';
      readonly id: number;
      readonly module: string;
      readonly name: string;
      readonly args: readonly Value[];
    }
  /** The guest waits at a cell of a shared memory; `timeout` is the time that is left, in milliseconds, null: no end. */
  | { readonly kind: 'wait'; readonly memory: MemAddr; readonly address: number; readonly timeout: number | null };

/** How a run ended. `words`, not enumerable, are the values' slots (frame.ts), for those who need each bit of a NaN. */
export type Outcome =
  | (Only<'returned'> & { readonly values: Value[]; readonly words: Int32Array })
  | (Only<'trapped'> & { readonly trap: Trap | HostError })
  /** A host function ended the program (`HostContext.exit`). */
  | (Only<'exited'> & { readonly code: number })
  | (Only<'suspended'> & { readonly reason: SuspendReason });
/** What the others have may be asked for before the status is: it is undefined. */
interface Only<S extends string> {
  readonly status: S;
  readonly values?: Value[] | undefined;
  readonly words?: Int32Array | undefined;
  readonly trap?: Trap | HostError | undefined;
  readonly code?: number | undefined;
  readonly reason?: SuspendReason | undefined;
}

export interface Budget {
  /** Units of fuel (validate/safepoints.ts) that this run may use; Infinity for no bound. */
  readonly fuel: number;
  /** Instructions that this run may execute; undefined to run at full speed, uncounted. */
  readonly steps?: number | undefined;
  /** Why the run is to stop, if it is. The driver asks before anything runs, an engine about each millisecond then. */
  readonly interrupted?: (() => Interruption | undefined) | undefined;
}

/** What a host function threw and the guest may catch: engines look for a handler in the frames that it leaves. */
export class Thrown {
  constructor(
    /** What it is to the host. */
    readonly value: unknown,
    /** The exception's tag; undefined for what no guest can catch. */
    readonly tag: TagAddr | undefined,
    /** Its address in the store, where a handler wants it. */
    readonly exception: () => number,
  ) {}
}

/** How an engine calls the host: arguments stand in the stack's slots from `base` on, results go to the same place. */
export interface HostPort {
  /**
   * Calls the host function, for code of the instance `caller`. Returns true when its results are in place; false when
   * they come later: then `store.pending` is set and the engine suspends. Throws HostError or Thrown where the function
   * threw.
   */
  call(func: FuncAddr, base: number, caller: InstanceInst): boolean;
  /** Whether this run may be suspended where the guest waits. */
  readonly mayWait: boolean;
}

/** Why an engine stopped: done with all frames above the floor, or suspended. Traps and host errors are thrown. */
export type Stop = 'returned' | 'fuel' | 'pause' | 'step' | 'host' | 'wait';

/** Where engines mix by function, one also stops for the other's sake. */
export type Halt =
  | Stop
  /** The top frame is the other engine's to run; `Mixing.passing` is what it may have to handle first. */
  | 'cross'
  /** All runs within each other are to end, so that all frames are on the store's stack; then the top one goes on. */
  | 'over';

/** The other engine, as an engine sees it that runs some functions of a store (vm/mixed.ts). */
export interface Mixing {
  /** What the call threw that the top frame waits for, which is the other engine's. */
  passing: Thrown | undefined;
  /** The run that begins goes on where another one has left off, which is no place to stop at even where fuel is owed. */
  readonly goesOn: boolean;
  /** Whether this is a run within another one of the same store, which must not go on where frames have been left. */
  readonly isNested: boolean;
  /** Whether native code runs the function. */
  isNative(func: FuncAddr): boolean;
  /** By function index: 1 for those that native code runs. */
  nativesOf(module: Module): Uint8Array;
  /** Whether the host's stack has room for another run within this one. */
  readonly hasRoom: boolean;
  /** Runs the frames above a floor, of whichever engine, within the run that is under way. Throws what a run throws. */
  within(floor: number, budget: Budget): Halt;
}

export interface Engine {
  /** True, or why this engine cannot run the module; `shared`: with memories that can cross threads. */
  supports(module: Module, shared?: boolean): true | string;
  /**
   * Runs the store's top frame, and those below it, until only `floor` frames are left: the results of the last one
   * then stand in the slots from its base on. On any other stop, and on a throw, the stack is canonical again.
   * `thrown` is what the call threw that the top frame waits for, and what guests can catch; only where fuel has no bound.
   */
  run(store: Store, floor: number, budget: Budget, host: HostPort, thrown?: Thrown): Stop;
  /** The store is gone, all but its memories: what was made for it may serve another one. */
  letGo?(store: Store): void;
}
