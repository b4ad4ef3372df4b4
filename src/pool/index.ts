/**
 * The public names of `wasbox/pool`: VMs on worker threads, in slices. It needs Node.
 *
 * @module wasbox/pool
 */

export type { Instance } from '../vm.ts';
export { JobLimitError, LostError, SuspendedError } from './ends.ts';
export { CancelledError, WorkerError } from './errors.ts';
export { Job } from './job.ts';
export type { Inputs } from './map.ts';
export type { ModuleLike } from './module-bytes.ts';
export type {
  CallSpec,
  JobLimits,
  JobOptions,
  KeepingOptions,
  MapOptions,
  PoolOptions,
  ProgramSpec,
  ResumeOptions,
  SaveEvery,
  WasiSpec,
} from './options.ts';
export { Pool, type PoolStats, type Recovered } from './pool.ts';
export type { Call, Done, Step, StepResult } from './program.ts';
export type { RunStatus as JobStatus } from './run.ts';
export type { Affinity } from './scheduler.ts';
export type { Service, ServiceCall } from './services.ts';
export { JobSnapshot } from './snapshot.ts';
export type { JobStats } from './stats.ts';
export type { WasiJob, WasiOutput } from './wasi.ts';
