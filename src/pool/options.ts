// What a job and a pool are told by their users: every option, its default, and the checks. Nothing is done here.

import { availableParallelism } from 'node:os';
import { Module } from '../runtime/module.ts';
import type { Value } from '../runtime/ref.ts';
import type { VmLimits } from '../runtime/store.ts';
import { UsageError } from '../spec/errors.ts';
import { checkKeys, vmLimits } from '../vm/options.ts';
import type { VmOptions } from '../vm.ts';
import type { Affinity } from './scheduler.ts';
import type { Service } from './services.ts';
import type { JobStats } from './stats.ts';

export interface PoolOptions {
  /** How many threads; by default as many as the machine has processors. */
  readonly threads?: number | undefined;
  /**
   * How long a slice should take, in ms; its fuel follows from the speed of the slices before. While no job waits for a
   * thread it goes on, up to a tenth of a second, unless the job has a `sliceFuel`, spreads, or needs checkpoints.
   */
  readonly sliceMs?: number | undefined;
  /** Services of all jobs, by the import module that they answer for. */
  readonly services?: Readonly<Record<string, Service>> | undefined;
  /** How many jobs may be under way at once, those that wait for a service included; each holds its memories. */
  readonly maxLive?: number | undefined;
  /** How long a slice that is asked to stop may take, in ms, before its thread is killed: a host function may hang. */
  readonly grace?: number | undefined;
  /** A folder where native code is kept, for other pools and for the next time. Whoever can write there is trusted. */
  readonly cache?: string | undefined;
  /** Node's options for the threads; by default those of the process. */
  readonly execArgv?: string[] | undefined;
  /** V8's limits for each thread's own heap, as for `new Worker`, and its stack: 32 MiB by default. */
  readonly resourceLimits?: object | undefined;
}

export interface JobLimits extends Partial<VmLimits> {
  /** Units of fuel for the whole job. */
  readonly fuel?: number | undefined;
}

export interface JobOptions {
  /**
   * URL of a module whose `imports` (or default export) are host functions: an object, or a function that makes it.
   * They run on the job's thread, each slice perhaps on another, so they keep nothing of a job in variables. Async ones
   * keep their thread busy while they wait; services do not.
   */
  readonly host?: URL | string | undefined;
  /** Services of this job, by import module, besides those of the pool. */
  readonly services?: Readonly<Record<string, Service>> | undefined;
  /** How long a service may take to answer, in ms. Without it, as long as it likes. */
  readonly serviceTimeout?: number | undefined;
  readonly limits?: JobLimits | undefined;
  readonly engine?: VmOptions['engine'];
  /** Suspends the job; nothing is killed. */
  readonly signal?: AbortSignal | undefined;
  /** Ends the job after so many ms from now, its time in the queue included. */
  readonly deadline?: number | undefined;
  /** From -20 to 20: each step doubles the share of slices. */
  readonly priority?: number | undefined;
  /** `keep`: stay on a thread; `spread`: never run two slices in a row on one thread where there are several. */
  readonly affinity?: Affinity | undefined;
  /** Units of fuel a slice, instead of what `sliceMs` comes to. */
  readonly sliceFuel?: number | undefined;
  /**
   * What becomes of the job when its thread dies: `fail` ends it with WorkerError, `retry` goes on from the last
   * checkpoint. Services may then be asked again what they were asked since.
   */
  readonly onCrash?: 'fail' | 'retry' | undefined;
  /** With `retry`: how often, and a checkpoint every so many slices. */
  readonly retries?: number | undefined;
  readonly checkpointEvery?: number | undefined;
  /** Called after each slice. */
  readonly onProgress?: ((stats: JobStats) => void) | undefined;
}

/** Calls one export. The output is the list of its results. */
export interface CallSpec extends JobOptions {
  readonly module: Module;
  readonly export: string;
  readonly args?: readonly Value[] | undefined;
}
/** Runs the steps of a job module (program.ts). The output is what its last step says. */
export interface ProgramSpec extends JobOptions {
  readonly module: Module;
  readonly program: URL | string;
  readonly input?: unknown;
}

export interface ResumeOptions extends JobOptions {
  /** The modules of the snapshot's VM; those of a job that was suspended in this process are known. */
  readonly modules?: readonly Module[] | undefined;
  /** The job module; likewise. */
  readonly program?: URL | string | undefined;
  /** For a VM that was saved outside of a pool, and is in no call: what to call. */
  readonly export?: string | undefined;
  readonly args?: readonly Value[] | undefined;
}

/** What a job keeps of its options, complete and checked. A resumed job inherits it, save for what is counted. */
export interface JobSpec {
  readonly modules: readonly Module[];
  readonly program: string | undefined;
  readonly host: string | undefined;
  readonly services: Readonly<Record<string, Service>>;
  readonly serviceTimeout: number | undefined;
  readonly limits: Partial<VmLimits>;
  readonly engine: VmOptions['engine'];
  readonly priority: number;
  readonly affinity: Affinity;
  readonly sliceFuel: number | undefined;
  readonly onCrash: 'fail' | 'retry';
  readonly retries: number;
  readonly checkpointEvery: number;
  readonly onProgress: ((stats: JobStats) => void) | undefined;
  /** Counted or watched from the start of the job, never inherited. */
  readonly fuel: number;
  readonly deadline: number | undefined;
  readonly signal: AbortSignal | undefined;
}

const poolKeys = ['threads', 'sliceMs', 'services', 'maxLive', 'grace', 'cache', 'execArgv', 'resourceLimits'] as const;
const jobKeys = [
  ...['host', 'services', 'serviceTimeout', 'limits', 'engine', 'signal', 'deadline', 'priority', 'affinity'],
  ...['sliceFuel', 'onCrash', 'retries', 'checkpointEvery', 'onProgress'],
] as const;
export const submitKeys = [...jobKeys, 'module', 'export', 'args', 'program', 'input'] as const;
export const resumeKeys = [...jobKeys, 'modules', 'export', 'args', 'program'] as const;
export const mapKeys = [...jobKeys, 'program', 'inFlight'] as const;

/** Timers of Node hold no more. */
const mostMs = 2 ** 31 - 1;

function within(what: string, value: number, least: number, most = Infinity): number {
  if (typeof value !== 'number' || !(value >= least && value <= most))
    throw new UsageError(`${what} must be a number from ${least} to ${most}, not ${value}`);
  return value;
}

function whole(what: string, value: number, least: number, most: number): number {
  if (!Number.isInteger(value)) throw new UsageError(`${what} must be an integer, not ${value}`);
  return within(what, value, least, most);
}

const maybe = <T>(value: T | undefined, check: (value: T) => T): T | undefined =>
  value === undefined ? undefined : check(value);

function oneOf<T extends string>(what: string, value: T, choices: readonly T[]): T {
  if (!choices.includes(value)) throw new UsageError(`${what} is one of ${choices.join(', ')}, not ${value}`);
  return value;
}

/** A pool's options, complete and checked. */
export interface PoolSpec {
  readonly threads: number;
  readonly sliceMs: number;
  readonly services: Readonly<Record<string, Service>>;
  readonly maxLive: number;
  readonly grace: number;
  readonly cache: string | undefined;
  readonly execArgv: string[] | undefined;
  readonly resourceLimits: object | undefined;
}

/** Throws UsageError. */
export function poolSpec(options: PoolOptions): PoolSpec {
  checkKeys(options, poolKeys);
  const { threads = availableParallelism(), sliceMs = 10, services = {}, maxLive = 4096, grace = 5000 } = options;
  return {
    threads: whole('threads', threads, 1, 1024),
    sliceMs: within('sliceMs', sliceMs, 0.1, mostMs),
    services,
    maxLive: whole('maxLive', maxLive, 1, 10_000),
    grace: within('grace', grace, 0, mostMs),
    cache: options.cache,
    execArgv: options.execArgv,
    resourceLimits: options.resourceLimits,
  };
}

function urlOf(what: string, url: URL | string): string {
  try {
    return new URL(url).href;
  } catch (cause) {
    throw new UsageError(`${what} must be an absolute URL, as of new URL('./file.js', import.meta.url)`, { cause });
  }
}

/** Throws UsageError. The keys have been checked; `inherited` is what a resumed job was submitted with. */
export function jobSpec(
  options: JobOptions & { program?: URL | string | undefined },
  modules: readonly Module[],
  inherited?: JobSpec,
): JobSpec {
  if (!modules.every((module) => module instanceof Module))
    throw new UsageError('a job takes Modules; Module.from makes one of bytes');
  const { fuel = Infinity, ...limits } = { ...inherited?.limits, ...options.limits };
  vmLimits(limits);
  return {
    modules,
    program: options.program === undefined ? inherited?.program : urlOf('program', options.program),
    host: options.host === undefined ? inherited?.host : urlOf('host', options.host),
    services: { ...inherited?.services, ...options.services },
    serviceTimeout: maybe(options.serviceTimeout ?? inherited?.serviceTimeout, (ms) =>
      within('serviceTimeout', ms, 0, mostMs),
    ),
    limits: limits as Partial<VmLimits>,
    engine: options.engine ?? inherited?.engine,
    priority: options.priority ?? inherited?.priority ?? 0,
    affinity: oneOf('affinity', options.affinity ?? inherited?.affinity ?? 'keep', ['keep', 'spread']),
    sliceFuel: maybe(options.sliceFuel ?? inherited?.sliceFuel, (units) =>
      whole('sliceFuel', units, 1, Number.MAX_SAFE_INTEGER),
    ),
    onCrash: oneOf('onCrash', options.onCrash ?? inherited?.onCrash ?? 'fail', ['fail', 'retry']),
    retries: whole('retries', options.retries ?? inherited?.retries ?? 3, 0, 1_000_000),
    checkpointEvery: whole('checkpointEvery', options.checkpointEvery ?? inherited?.checkpointEvery ?? 50, 1, mostMs),
    onProgress: options.onProgress ?? inherited?.onProgress,
    fuel: fuel === Infinity ? fuel : whole('limits.fuel', fuel, 0, Number.MAX_SAFE_INTEGER),
    deadline: maybe(options.deadline, (ms) => within('deadline', ms, 0, mostMs)),
    signal: options.signal,
  };
}
