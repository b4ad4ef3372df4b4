/**
 * The public names of `wasbox/telemetry`: jobs as spans of OpenTelemetry, where `@opentelemetry/api` is installed.
 *
 * @module wasbox/telemetry
 */

import type * as Api from '@opentelemetry/api';
import { isError, messageOf } from '../../spec/told.ts';
import type { JobEnded, JobMessage, JobSliced, PoolMessage, WatchedPool } from './channels.ts';
import type { JobEnd } from './events.ts';
import { aPool, listen } from './listening.ts';

// It hears what everybody can hear (channels.ts). Messages come in the context of whoever has submitted the job.

/** Slices of one job that are told as events: a span is held until its job has ended, and jobs may have any number of slices. */
const mostEvents = 100;
/** Ends that somebody should look at. */
const errors: readonly JobEnd[] = ['failed', 'trapped', 'limit', 'crashed', 'lost'];

interface Traced {
  readonly span: Api.Span;
  slices: number;
}

class Tracing {
  private readonly jobs = new Map<number, Traced>();
  private readonly tracer: Api.Tracer;
  private readonly unlisten: () => void;

  constructor(
    private readonly api: typeof Api,
    pool: WatchedPool,
  ) {
    this.tracer = api.trace.getTracer('wasbox');
    const of =
      <M extends PoolMessage>(hear: (message: M) => void) =>
      (message: M) => {
        if (message.pool === pool) hear(message);
      };
    this.unlisten = listen({
      'wasbox.job.submit': of((message) => this.begun(message)),
      'wasbox.job.slice': of((message) => this.sliced(message)),
      'wasbox.job.end': of((message) => this.ended(message)),
    });
  }

  private begun({ job, key, at }: JobMessage): void {
    const attributes = { 'wasbox.job.id': job, ...(key === undefined ? {} : { 'wasbox.job.key': key }) };
    this.jobs.set(job, { span: this.tracer.startSpan('wasbox.job', { attributes, startTime: at }), slices: 0 });
  }

  private sliced({ job, thread, lineMs, guestMs, movingMs, hasMoved, fuel, at }: JobSliced): void {
    const traced = this.jobs.get(job);
    if (traced === undefined || traced.slices++ >= mostEvents) return;
    const attributes = {
      ...{ 'wasbox.thread': thread, 'wasbox.fuel': fuel, 'wasbox.moved': hasMoved },
      ...{ 'wasbox.guest_ms': guestMs, 'wasbox.moving_ms': movingMs },
      ...(lineMs === undefined ? {} : { 'wasbox.line_ms': lineMs }),
    };
    traced.span.addEvent('wasbox.slice', attributes, at);
  }

  private ended({ job, how, error, stats, at }: JobEnded): void {
    const span = this.jobs.get(job)?.span;
    if (span === undefined) return;
    this.jobs.delete(job);
    const { slices, moves, fuelUsed, guestMs, crashes } = stats;
    span.setAttributes({
      ...{ 'wasbox.job.how': how, 'wasbox.job.slices': slices, 'wasbox.job.moves': moves },
      ...{ 'wasbox.job.fuel': fuelUsed, 'wasbox.job.guest_ms': guestMs, 'wasbox.job.crashes': crashes },
    });
    if (errors.includes(how)) {
      if (isError(error)) span.recordException(error, at);
      span.setStatus({ code: this.api.SpanStatusCode.ERROR, message: messageOf(error) });
    }
    span.end(at);
  }

  /** Spans of jobs that go on end now. */
  stop(): void {
    this.unlisten();
    for (const { span } of this.jobs.values()) span.end();
    this.jobs.clear();
  }
}

/** Undefined where it is not installed. */
async function theApi(): Promise<typeof Api | undefined> {
  try {
    return await import('@opentelemetry/api');
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ERR_MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}

/**
 * Makes a span `wasbox.job` of each job that is submitted from now on, in the context of whoever submits it, by the tracer provider that
 * OpenTelemetry's API knows; gives the function that ends that. A span has an event `wasbox.slice` for each of the first 100
 * slices, and how the job ended, its slices, moves, fuel and time as attributes; it is an error where the job failed, trapped,
 * crashed, was lost, or reached a limit. Without `@opentelemetry/api` nothing is done. Rejects with UsageError for what is no pool.
 */
export async function tracePool(pool: WatchedPool): Promise<() => void> {
  aPool(pool, 'the pool');
  const api = await theApi();
  if (api === undefined) return () => {};
  const tracing = new Tracing(api, pool);
  return () => tracing.stop();
}
