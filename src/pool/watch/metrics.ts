/**
 * The public names of `wasbox/metrics`: what pools do, as metrics of `prom-client`, which whoever uses this has installed.
 *
 * @module wasbox/metrics
 */

import {
  Counter,
  Gauge,
  Histogram,
  type OpenMetricsContentType,
  register as ofTheProcess,
  type Registry,
} from 'prom-client';
import { UsageError } from '../../spec/errors.ts';
import { check, optionsOf, theOptions } from '../../spec/options.ts';
import { quoted } from '../../spec/told.ts';
import type { PoolMessage, PoolMessages, WatchedPool } from './channels.ts';
import { jobEnds } from './events.ts';
import { aPool, listen } from './listening.ts';

// It hears what everybody can hear (channels.ts) and asks for `pool.stats`. Labels have what the operator says, where jobs are and
// how they end, and never what a job or a guest says: a registry keeps each value that it has seen.

type AnyRegistry = Registry | Registry<OpenMetricsContentType>;

/** Where metrics go, and what the pool is called there. */
export interface MetricsOptions {
  /** The registry; that of the process unless told. */
  readonly register?: Registry | Registry<OpenMetricsContentType> | undefined;
  /** The value of the label `pool`, `default` unless told: a name of its own for each pool of one registry. */
  readonly name?: string | undefined;
}

const checked = optionsOf<MetricsOptions>({
  register: check((registry: Registry) => typeof registry.registerMetric === 'function', 'a Registry of prom-client'),
  name: check((name: unknown) => typeof name === 'string' && name !== '', 'a text that is not empty'),
});

const names = {
  submitted: 'wasbox_jobs_submitted_total',
  ended: 'wasbox_jobs_ended_total',
  fuel: 'wasbox_fuel_charged_total',
  deaths: 'wasbox_thread_deaths_total',
  queue: 'wasbox_job_queue_seconds',
  slice: 'wasbox_job_slice_seconds',
  move: 'wasbox_job_move_seconds',
  suspend: 'wasbox_job_suspend_seconds',
  jobs: 'wasbox_jobs',
  threads: 'wasbox_threads',
} as const;

/** In seconds. */
const buckets = [
  ...[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5],
  ...[1, 2.5, 5, 10, 30, 60],
];

const statesOf = ({ stats: { queued, running, waiting, asleep } }: WatchedPool) =>
  Object.entries({ queued, running, waiting: waiting - asleep, asleep });

/** Throws UsageError where the registry has another metric of one of the names. */
function makeMetrics(registry: AnyRegistry, pools: ReadonlyMap<WatchedPool, string>) {
  for (const name of Object.values(names))
    if (registry.getSingleMetric(name) !== undefined)
      throw new UsageError(`the registry has another metric that is called ${quoted(name)}`);
  const registers = [registry];
  const common = (name: keyof typeof names, help: string) => ({ name: names[name], help, registers });
  const one = { labelNames: ['pool'] as const };
  return {
    submitted: new Counter({ ...common('submitted', 'Jobs that have begun.'), ...one }),
    ended: new Counter({ ...common('ended', 'Jobs that have ended, by how.'), labelNames: ['pool', 'how'] as const }),
    fuel: new Counter({ ...common('fuel', 'Units of fuel that jobs were charged.'), ...one }),
    deaths: new Counter({ ...common('deaths', 'Threads that died, or were ended as a job did not stop.'), ...one }),
    queue: new Histogram({ ...common('queue', 'Time in line for a thread, before each slice.'), ...one, buckets }),
    slice: new Histogram({ ...common('slice', 'Time of slices in guests and host functions.'), ...one, buckets }),
    move: new Histogram({ ...common('move', 'Time of taking a VM to another thread.'), ...one, buckets }),
    suspend: new Histogram({ ...common('suspend', 'Time from a stop to the state of the job.'), ...one, buckets }),
    jobs: new Gauge({
      ...common('jobs', 'Jobs that have not ended, each counted once, by where they are.'),
      labelNames: ['pool', 'state'] as const,
      collect() {
        for (const [each, pool] of pools) for (const [state, count] of statesOf(each)) this.set({ pool, state }, count);
      },
    }),
    threads: new Gauge({
      ...common('threads', 'Threads that there are.'),
      ...one,
      collect() {
        for (const [each, pool] of pools) this.set({ pool }, each.stats.threads);
      },
    }),
  };
}

/** What the pools of one registry have in common. */
class Metrics {
  readonly pools = new Map<WatchedPool, string>();
  private readonly metrics;
  private readonly unlisten: () => void;

  constructor(private readonly registry: AnyRegistry) {
    this.metrics = makeMetrics(registry, this.pools);
    this.unlisten = listen({
      'wasbox.job.submit': this.of((labels) => this.metrics.submitted.inc(labels)),
      'wasbox.job.slice': this.of((labels, slice) => this.sliced(labels, slice)),
      'wasbox.job.end': this.of((labels, { how, suspendMs }) => {
        this.metrics.ended.inc({ ...labels, how });
        if (suspendMs !== undefined) this.metrics.suspend.observe(labels, suspendMs / 1000);
      }),
      'wasbox.thread.died': this.of((labels, { isClosing }) => {
        if (!isClosing) this.metrics.deaths.inc(labels);
      }),
    });
  }

  private of<M extends PoolMessage>(hear: (labels: { readonly pool: string }, message: M) => void) {
    return (message: M) => {
      const pool = this.pools.get(message.pool);
      if (pool !== undefined) hear({ pool }, message);
    };
  }

  private sliced(labels: { readonly pool: string }, slice: PoolMessages['wasbox.job.slice']): void {
    const { fuel, lineMs, guestMs, movingMs, hasMoved } = slice;
    const { metrics } = this;
    metrics.fuel.inc(labels, fuel);
    metrics.slice.observe(labels, guestMs / 1000);
    if (lineMs !== undefined) metrics.queue.observe(labels, lineMs / 1000);
    if (hasMoved) metrics.move.observe(labels, movingMs / 1000);
  }

  /** Whoever has the registry may have cleared it. */
  get isThere(): boolean {
    return this.registry.getSingleMetric(names.jobs) === this.metrics.jobs;
  }

  /** All of its series are there from the beginning. */
  add(pool: WatchedPool, name: string): void {
    if (this.pools.has(pool)) throw new UsageError('the registry has the metrics of that pool');
    if ([...this.pools.values()].includes(name))
      throw new UsageError(`the registry has a pool of the name ${quoted(name)}: give each its own`);
    this.pools.set(pool, name);
    const { submitted, ended, fuel, deaths, queue, slice, move, suspend } = this.metrics;
    for (const counter of [submitted, fuel, deaths]) counter.inc({ pool: name }, 0);
    for (const how of jobEnds) ended.inc({ pool: name, how }, 0);
    for (const histogram of [queue, slice, move, suspend]) histogram.zero({ pool: name });
  }

  remove(pool: WatchedPool): void {
    const name = this.pools.get(pool);
    if (name === undefined) return;
    this.pools.delete(pool);
    const { ended, jobs, ...rest } = this.metrics;
    for (const metric of Object.values(rest)) metric.remove({ pool: name });
    for (const how of jobEnds) ended.remove({ pool: name, how });
    for (const [state] of statesOf(pool)) jobs.remove({ pool: name, state });
    if (this.pools.size === 0) this.close();
  }

  close(): void {
    this.unlisten();
    if (this.isThere) for (const name of Object.values(names)) this.registry.removeSingleMetric(name);
  }
}

const known = new WeakMap<AnyRegistry, Metrics>();

/**
 * Has a registry of `prom-client` tell what the pool does, from now on, and gives the function that ends that and removes it. Times
 * are in seconds, every metric has the label `pool`:
 *
 * - histograms `wasbox_job_queue_seconds` (in line before each slice), `wasbox_job_slice_seconds` (each slice in its guest and
 *   host functions), `wasbox_job_move_seconds` (taking a VM to another thread), `wasbox_job_suspend_seconds` (from the wish
 *   that a job stop to its state in hand), from 0.1 ms to a minute; their p99 is
 *   `histogram_quantile(0.99, sum by (le) (rate(wasbox_job_queue_seconds_bucket[5m])))`;
 * - counters `wasbox_jobs_submitted_total`, `wasbox_jobs_ended_total` by `how` (a JobEnd), `wasbox_fuel_charged_total`,
 *   `wasbox_thread_deaths_total` (not those that the pool ends when it is closed);
 * - gauges `wasbox_jobs` by `state` (`queued`, `running`, `waiting`, `asleep`: each job once), `wasbox_threads`.
 *
 * Programs of `wasbox/javascript` that run on the pool are in the gauges and in nothing else.
 *
 * Throws UsageError for what is none, a pool or a name that the registry has, and metrics of others with such names.
 */
export function collectPoolMetrics(pool: WatchedPool, options: MetricsOptions = {}): () => void {
  aPool(pool, 'the pool');
  checked(options, theOptions);
  const { register = ofTheProcess, name = 'default' } = options;
  let metrics = known.get(register);
  if (metrics?.isThere !== true) {
    metrics?.close();
    metrics = new Metrics(register);
    known.set(register, metrics);
  }
  const mine = metrics;
  mine.add(pool, name);
  return () => mine.remove(pool);
}
