/// <reference lib="esnext.disposable" preserve="true" />
// The pool, as its users have it: jobs are submitted and resumed here, and live in life.ts.

import type { ProgramThread, ProgramThreads } from '../javascript/run/afar.ts';
import type { Value } from '../runtime/heap/ref.ts';
import { Module } from '../runtime/module/module.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import type { Store } from '../store/index.ts';
import type { GroupSnapshot } from '../talk/saved/snapshot.ts';
import { PoolGroup } from './group/group.ts';
import { checkPoolGroup, type PoolGroupOptions, type ResumeGroupOptions } from './group/options.ts';
import type { DurableJobs } from './job/durable-jobs.ts';
import type { Job } from './job/job.ts';
import { Life } from './job/life.ts';
import { type Inputs, mapInputs } from './job/map.ts';
import { resumed, submitted } from './job/origin.ts';
import {
  type CallSpec,
  checkMap,
  checkResume,
  checkSubmit,
  type MapOptions,
  type PoolOptions,
  type PoolSpec,
  type ProgramSpec,
  poolSpec,
  type ResumeOptions,
  type WasiSpec,
} from './told/options.ts';
import type { Service } from './told/services.ts';
import type { JobSnapshot } from './told/snapshot.ts';
import type { PoolStats, RunStatus } from './told/stats.ts';
import type { WasiOutput } from './told/wasi.ts';

/** However short the jobs of a map are, so many a thread are under way: outputs are held until they are taken. */
const mostTogether = 16;

/** A pool, and the jobs that it has brought back, by their keys. */
export interface Recovered {
  readonly pool: Pool;
  readonly jobs: ReadonlyMap<string, Job<unknown>>;
}

/**
 * Threads that run jobs in slices, and the owner of their state in between. It keeps the process alive as long as there
 * are jobs; `close` lets its threads go.
 */
export class Pool implements ProgramThreads {
  private readonly spec: PoolSpec;
  private readonly life: Life;

  constructor(options: PoolOptions = {}) {
    this.spec = poolSpec(options);
    this.life = new Life(this.spec, this);
  }

  // ---- what users ask for

  /**
   * Starts a job. Throws UsageError and LinkError for what is wrong at once, and LimitError where the pool or the tenant has as many
   * jobs as it may have; all else ends the job.
   */
  submit<T = readonly Value[]>(spec: CallSpec): Job<T>;
  submit<T = WasiOutput>(spec: WasiSpec): Job<T>;
  submit<T = unknown>(spec: ProgramSpec): Job<T>;
  submit<T>(spec: CallSpec | ProgramSpec | WasiSpec): Job<T> {
    checkSubmit(spec);
    return this.life.begin(submitted(spec));
  }

  /** Goes on with a job, or with a VM or program that was saved elsewhere, as often as you like. Throws as `submit` does. */
  resume<T = unknown>(from: JobSnapshot | Snapshot | Uint8Array, options: ResumeOptions = {}): Job<T> {
    checkResume(options);
    return this.life.begin(resumed(from, options));
  }

  /**
   * A group of VMs that talk, as a `Group` of `wasbox/talk`, on the pool's threads: it begins without members, and runs once it is
   * told to. Throws UsageError.
   */
  group(options: PoolGroupOptions = {}): PoolGroup {
    checkPoolGroup(options);
    return new PoolGroup((services) => this.life.openGroup(services ?? {}), options);
  }

  /**
   * A group out of a snapshot, of a pool or of `wasbox/talk`, as often as you like; it goes on once it is told to run. What its
   * members import besides is told anew, as when they were added; what the host had of ports is `sender` and `receiver`. Throws
   * SnapshotError, UsageError; what else is wrong with it ends it when it first does something.
   */
  resumeGroup(from: GroupSnapshot | Uint8Array, options: ResumeGroupOptions = {}): PoolGroup {
    return PoolGroup.resume((services) => this.life.openGroup(services ?? {}), from, options);
  }

  /**
   * A job for each input; the outputs come in the order of the inputs. An input is a list of arguments or the only one;
   * with `program` it is the program's, and of a program for WASI what goes to its standard input, or an object of what
   * it is given besides. Inputs are taken only as jobs end, so that they may be endless. The first job
   * that fails ends the rest; so does leaving the loop.
   */
  map<T = WasiOutput>(
    module: CallSpec['module'],
    target: Pick<WasiSpec, 'wasi'>,
    inputs: Inputs,
    options?: MapOptions,
  ): AsyncGenerator<T, void, void>;
  map<T = readonly Value[]>(
    module: CallSpec['module'],
    target: string | URL,
    inputs: Inputs,
    options?: MapOptions,
  ): AsyncGenerator<T, void, void>;
  map<T>(
    module: CallSpec['module'],
    target: string | URL | Pick<WasiSpec, 'wasi'>,
    inputs: Inputs,
    options: MapOptions = {},
  ): AsyncGenerator<T, void, void> {
    checkMap(module, target, options);
    const most = this.life.admission.most(options.tenant);
    const room = () => Math.min(most, 2 * this.spec.threads * this.together(module, target, options));
    return mapInputs<T>((spec) => this.submit<T>(spec), room, module, target, inputs, options);
  }

  /** How many jobs of a map are worth being sent to a thread together, as far as that is known. */
  private together(module: CallSpec['module'], target: unknown, { engine }: MapOptions): number {
    if (!(module instanceof Module) || typeof target !== 'string') return 1;
    return Math.min(mostTogether, this.life.together(module.hash, engine, target));
  }

  /**
   * Brings all jobs of the store back that have no result, or those of `keys`: this process's own of before, those of
   * processes that have died, and, as soon as these end, die or let go of them, those of others. Gives each by its key.
   * Services are the pool's; a job that needs others, or is damaged, is one that has failed, and stays as it is. Rejects
   * with UsageError where the pool has no store, and with StoreError where that cannot be read.
   */
  async recover(keys?: Iterable<string>): Promise<ReadonlyMap<string, Job<unknown>>> {
    return this.life.kept.recover(keys && new Set(keys));
  }

  /** A new pool with that store, and the jobs that it has brought back: as `recover`. */
  static async recover(store: Store | string, options: PoolOptions = {}): Promise<Recovered> {
    const pool = new Pool({ ...options, store });
    try {
      return { pool, jobs: await pool.recover() };
    } catch (error) {
      await pool.terminate();
      throw error;
    }
  }

  /**
   * Removes the result of the job with that key from the store: the key may then be used anew. False where there is none. Rejects
   * with UsageError where the job has no result yet, and with StoreError.
   */
  async forget(key: string): Promise<boolean> {
    return this.life.kept.forget(key);
  }

  /** Binds an object to the import module `name` of all jobs that are submitted from now on. */
  expose(name: string, service: Service): void {
    this.life.expose(name, service);
  }

  /** For `wasbox/queue`: jobs in the store. Throws UsageError where there is none. @hidden */
  get kept(): DurableJobs {
    return this.life.kept;
  }

  /** For programs of `wasbox/javascript`: a place among the jobs. @hidden */
  openProgram(cancel: (error: Error) => void): ProgramThread {
    return this.life.openProgram(cancel);
  }

  /** How many threads there are, and jobs, at the moment. */
  get stats(): PoolStats {
    const { states, asleep, threadCount } = this.life;
    const count = (status: RunStatus) => states.filter((each) => each === status).length;
    return {
      threads: threadCount,
      jobs: states.length,
      queued: count('queued'),
      running: count('running'),
      waiting: count('waiting'),
      asleep,
    };
  }

  /** Takes no more jobs, and resolves once all have ended and all threads are gone. */
  close(): Promise<void> {
    return this.life.close();
  }

  /** Cancels all jobs and ends all threads. */
  terminate(): Promise<void> {
    return this.life.terminate();
  }

  /** As `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Resolves once all threads have started: a job that begins then has its time for itself. */
  ready(): Promise<void> {
    return this.life.ready();
  }
}
