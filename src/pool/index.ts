/**
 * The public names of `wasbox/pool`: VMs on worker threads, in slices. It needs Node.
 *
 * @module wasbox/pool
 */

export type { Instance } from '../vm.ts';
export { type PoolReceived, PoolReceiver, PoolSender, type PoolSendOptions } from './group/ends.ts';
export { PoolGroup } from './group/group.ts';
export { PoolMember } from './group/member.ts';
export type {
  PoolGroupOptions,
  PoolMemberImports,
  PoolMemberOptions,
  ResumeGroupOptions,
} from './group/options.ts';
export { Job } from './job/job.ts';
export type { Inputs } from './job/map.ts';
export type { ShareLimits } from './line/shares.ts';
export type { Affinity } from './line/ticket.ts';
export { Pool, type Recovered } from './pool.ts';
export { JobLimitError, LostError, SuspendedError } from './told/ends.ts';
export { CancelledError, WorkerError } from './told/errors.ts';
export type { ModuleLike } from './told/module-bytes.ts';
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
  TenantOptions,
  WasiSpec,
} from './told/options.ts';
export type { Call, Done, Step, StepResult } from './told/program.ts';
export type { Service, ServiceCall } from './told/services.ts';
export { JobSnapshot } from './told/snapshot.ts';
export type { JobStats, PoolStats, RunStatus as JobStatus } from './told/stats.ts';
export type { WasiJob, WasiOutput } from './told/wasi.ts';
export type {
  JobEnded,
  JobMessage,
  JobSliced,
  PoolMessage,
  PoolMessages,
  ThreadBorn,
  ThreadDied,
  WatchedPool,
} from './watch/channels.ts';
export type { JobEnd, JobEvent, JobHappening } from './watch/events.ts';
