/**
 * The public names of `wasbox/queue`: durable jobs spread over processes and machines by BullMQ. It needs Node, and `bullmq` with
 * what that keeps its jobs by, `ioredis` or `pg`.
 *
 * @module wasbox/queue
 */

export type { Bull, Came } from './engine.ts';
export { StrandedError } from './errors.ts';
export type { Progress, QueueEvent } from './events.ts';
export { QueueJob, type QueueJobState } from './job.ts';
export type {
  DelayOptions,
  Metrics,
  PlaceOptions,
  QueueCallSpec,
  QueueOptions,
  QueueProgramSpec,
  QueueWasiSpec,
  RateLimit,
  RunnerOptions,
} from './options.ts';
export { type ListedJob, Queue } from './queue.ts';
export { Runner, type RunnerStats } from './runner.ts';
export type { Told } from './ticket.ts';
