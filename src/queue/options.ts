// What queues and runners are told: every option, its default, and the checks.

import { availableParallelism } from 'node:os';
import type { WorkerOptions } from 'bullmq';
import type { CallSpec, PoolOptions, ProgramSpec, WasiSpec } from '../pool/told/options.ts';
import { checkSubmit } from '../pool/told/options.ts';
import { UsageError } from '../spec/errors.ts';
import {
  aFlag,
  aFunction,
  aNumber,
  anInteger,
  anObject,
  aText,
  aTime,
  type Check,
  type Checks,
  check,
  optionsOf,
  theOptions,
} from '../spec/options.ts';
import type { Store } from '../store/index.ts';
import { isQueueUrl, type Place } from './engine.ts';

/** Where a queue is, and where its jobs are kept. */
export interface PlaceOptions {
  /** `redis://`, `rediss://`, `valkey://` or `postgres://`: what BullMQ keeps the queue in. */
  readonly url: string;
  /** Where jobs and their states are: a Store, which stays open, or what opens one. All who use the queue have the same. */
  readonly store: Store | string;
  /** Of the queue; `wasbox` unless told. */
  readonly name?: string | undefined;
  /** What BullMQ's keys in Redis begin with; `bull` unless told. */
  readonly prefix?: string | undefined;
}

/** What a queue is made with. */
export interface QueueOptions extends PlaceOptions {}

/** When a job may begin. */
export interface DelayOptions {
  /** Ms from now until it may begin. */
  readonly delay?: number | undefined;
}

/** What is this process's own: services are those of the runners. */
type Own = 'services' | 'onProgress';

/** Calls one export, as for `pool.submit`. */
export interface QueueCallSpec extends Omit<CallSpec, Own>, DelayOptions {}
/** Runs the steps of a job module, which each runner has at its URL, as for `pool.submit`. */
export interface QueueProgramSpec extends Omit<ProgramSpec, Own>, DelayOptions {}
/** Runs a program for WASI, as for `pool.submit`. */
export interface QueueWasiSpec extends Omit<WasiSpec, Own>, DelayOptions {}
export type QueueSpec = QueueCallSpec | QueueProgramSpec | QueueWasiSpec;

/** How jobs are taken out of a queue in which there may be no more than so many a time. */
export type RateLimit = NonNullable<WorkerOptions['limiter']>;
/** What BullMQ counts of what has ended. */
export type Metrics = NonNullable<WorkerOptions['metrics']>;

/**
 * What a runner is made with: what its pool is, and what it takes. What is in the pool's `cache` is also in the store, for other
 * runners.
 */
export interface RunnerOptions extends PlaceOptions, Omit<PoolOptions, 'store' | 'lease' | 'keepResults'> {
  /** How many jobs it has at once that do not wait; 6 and two a thread unless told: some are on their way. */
  readonly jobs?: number | undefined;
  /**
   * How many jobs it may have besides that wait for a service or a time, and hold no thread meanwhile; 500 unless told. What they
   * hold else, the pool's `sleepAfter`, `awakeBytes` and `maxLive` say. All that go on at once may be more than `jobs`.
   */
  readonly waiting?: number | undefined;
  /**
   * How long it may be silent before its jobs go to others, in ms; 10,000 unless told, from 500. A wrong guess harms nothing.
   */
  readonly lease?: number | undefined;
  /** A job whose guest waits for so many ms or more is given back until then; 5,000 unless told. */
  readonly giveBackAfter?: number | undefined;
  /** Whether it gives jobs to runners that have none; true unless told. */
  readonly share?: boolean | undefined;
  /** How often runners may have died with a job before it is given up; 20 unless told. */
  readonly deaths?: number | undefined;
  /** Told what goes wrong with the queue's server meanwhile; all of it is tried again. What it throws is left to the process. */
  readonly onError?: ((error: Error) => void) | undefined;
  /** BullMQ's: all runners of the queue together take at most `max` jobs in `duration` ms. */
  readonly limiter?: RateLimit | undefined;
  /** BullMQ's: for how many minutes it counts what has ended, as `queue.bull.getMetrics` tells; none unless told. */
  readonly metrics?: Metrics | undefined;
}

const aQueueUrl: Check = check(isQueueUrl, 'a URL of Redis, Valkey or PostgreSQL, such as redis://127.0.0.1:6379');
const aName: Check = check(
  (v: unknown) => typeof v === 'string' && v !== '' && v.length <= 200 && !v.includes(':'),
  'a text of 1 to 200 characters without a colon',
);
const aStore: Check = check(
  (v: unknown) => v !== '' && (typeof v === 'string' || Object(v) === v),
  'a Store, or what opens one',
);

const placeChecks = { url: aQueueUrl, store: aStore, name: aName, prefix: aText };
const queueOptions = optionsOf<QueueOptions>(placeChecks, 'url', 'store');

const runnerChecks: Checks<Omit<RunnerOptions, keyof PoolOptions> & PlaceOptions & Pick<RunnerOptions, 'lease'>> = {
  ...placeChecks,
  jobs: anInteger(1, 10_000),
  waiting: anInteger(0, 10_000),
  lease: aNumber(500, 3_600_000),
  giveBackAfter: aTime,
  share: aFlag,
  deaths: anInteger(0, 1_000_000),
  limiter: anObject,
  metrics: anObject,
  onError: aFunction,
};

export const placeOf = ({ url, name = 'wasbox', prefix }: PlaceOptions): Place => ({ url, name, prefix });

/** Throws UsageError. */
export const checkQueue = (options: QueueOptions): void => queueOptions(options, theOptions);

/** What a runner is told of itself, complete. */
export interface RunnerSpec {
  readonly place: Place;
  readonly store: Store | string;
  readonly threads: number;
  readonly jobs: number;
  readonly waiting: number;
  /** What its pool may have of jobs in all: more are not fetched. */
  readonly most: number;
  readonly lease: number;
  readonly giveBackAfter: number;
  readonly share: boolean;
  readonly deaths: number;
  readonly limiter: RateLimit | undefined;
  readonly metrics: Metrics | undefined;
  readonly onError: (error: Error) => void;
  /** What is its pool's; that checks it. */
  readonly pool: PoolOptions;
}

/** Throws UsageError; but for what is the pool's. */
export function runnerSpec(options: RunnerOptions): RunnerSpec {
  anObject(options, theOptions);
  const own = Object.fromEntries(Object.entries(options).filter(([name]) => Object.hasOwn(runnerChecks, name)));
  optionsOf(runnerChecks as Checks<typeof own>, 'url', 'store')(own, theOptions);
  const pool = Object.fromEntries(Object.entries(options).filter(([name]) => !Object.hasOwn(runnerChecks, name)));
  const { threads = availableParallelism(), store, lease = 10_000, giveBackAfter = 5000 } = options;
  const {
    jobs = 2 * threads + 6,
    waiting = 500,
    share = true,
    deaths = 20,
    limiter,
    metrics,
    onError = () => {},
  } = options;
  return {
    ...{
      place: placeOf(options),
      store,
      threads,
      jobs,
      waiting,
      most: options.limits?.jobs ?? Number.POSITIVE_INFINITY,
      lease,
      giveBackAfter,
      share,
      deaths,
      limiter,
      metrics,
      onError,
    },
    pool: { ...pool, threads, store },
  };
}

const ours = ['delay', 'services', 'onProgress'] as const;
const delayOptions = optionsOf<DelayOptions>({ delay: aTime });

/** The job as for a pool. Throws UsageError. */
export function poolSpecOf(spec: QueueSpec): CallSpec | WasiSpec | ProgramSpec {
  anObject(spec, 'a job');
  const useless = ours.slice(1).find((name) => (spec as unknown as Record<string, unknown>)[name] !== undefined);
  if (useless !== undefined)
    throw new UsageError(`${useless} is of no use to a job of a queue, which runs in another process`);
  const { delay, ...rest } = spec;
  delayOptions({ delay }, theOptions);
  checkSubmit(rest as CallSpec);
  return rest as CallSpec | WasiSpec | ProgramSpec;
}
