// What a job and a pool are told by their users: every option, its default, and the checks. Nothing is done here.

import { availableParallelism } from 'node:os';
import type { Value } from '../../runtime/heap/ref.ts';
import type { VmLimits } from '../../runtime/store.ts';
import { UsageError } from '../../spec/errors.ts';
import {
  aCount,
  aFunction,
  aList,
  aNumber,
  anInteger,
  anObject,
  anything,
  aSignal,
  aText,
  aTime,
  type Checks,
  check,
  listOf,
  mostMs,
  oneOf,
  optionsOf,
  recordOf,
  theOptions,
} from '../../spec/options.ts';
import { mostOfName } from '../../spec/told.ts';
import type { Store } from '../../store/index.ts';
import { engineOption } from '../../vm/engines.ts';
import { givenLimits, type LimitOptions, limitChecks } from '../../vm/options.ts';
import type { VmOptions } from '../../vm.ts';
import type { ShareLimits } from '../line/shares.ts';
import { type Affinity, priorities } from '../line/ticket.ts';
import { isIdentity } from './identity.ts';
import { aModule, type Carried, type ModuleLike } from './module-bytes.ts';
import { isService, type Service } from './services.ts';
import type { JobStats } from './stats.ts';
import { aWasiJob, type WasiJob, type WasiOrder, wasiOrder } from './wasi.ts';

/** What a tenant of a pool has. */
export interface TenantOptions extends ShareLimits {
  /** Its share of the threads' time beside others, from 0.001 to 1,000; 1 unless told. */
  readonly weight?: number | undefined;
}

/** What a pool is made with. */
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
  /**
   * How many jobs may have a VM at once, 4,096 unless told: each has memories, of which a process can hold some thousands. Where
   * more want one, those that have waited the longest for a service or a time give theirs up, as after `sleepAfter`.
   */
  readonly maxLive?: number | undefined;
  /**
   * After how many ms of waiting a job gives up its VM, until it can go on; 10,000 unless told. One with a `key` that is in the
   * store as it is leaves nothing here; of any other, bytes stay of what is in its pages.
   */
  readonly sleepAfter?: number | undefined;
  /**
   * How many bytes of memory and stacks jobs that wait may hold together, 512 MiB unless told: past it, those that have waited the
   * longest give theirs up.
   */
  readonly awakeBytes?: number | undefined;
  /** What all jobs together may have besides: `live` is `maxLive`. */
  readonly limits?: Omit<ShareLimits, 'live'> | undefined;
  /**
   * Weights and limits of tenants by their names: one of weight 2 gets twice the time of one of 1 while both have jobs in line.
   * Those of `*` are for each that is not named.
   */
  readonly tenants?: Readonly<Record<string, TenantOptions>> | undefined;
  /** How long a slice that is asked to stop may take, in ms, before its thread is killed: a host function may hang. */
  readonly grace?: number | undefined;
  /**
   * A folder where native code is kept, and which modules are valid, for other pools and for the next time, up to 512 MiB; what was not used for the longest
   * goes. Only files are read that this user or the system's owns and nobody else can write.
   */
  readonly cache?: string | undefined;
  /**
   * Where jobs with a `key` are kept: a Store, which stays open, or the path or URL of one as `openStore` of `wasbox/store` takes
   * it, which is opened when it is first needed and closed with the pool. Whoever can write there says what code its jobs load.
   */
  readonly store?: Store | string | undefined;
  /**
   * How long a process with jobs in a store may be silent before others take it for dead and go on with them, in ms; 10,000
   * unless told, from 100 to an hour. Of the same machine they know at once. A wrong guess harms nothing: who lost a job is told.
   */
  readonly lease?: number | undefined;
  /** For how many ms the results of jobs with a `key` are kept; until `forget` unless told. */
  readonly keepResults?: number | undefined;
  /** Node's options for the threads; by default those of the process. */
  readonly execArgv?: string[] | undefined;
  /** V8's limits for each thread's own heap, as for `new Worker`, and its stack: 32 MiB by default. */
  readonly resourceLimits?: object | undefined;
}

/** What a job may use: the limits of its VM, fuel, and what it may come to. */
export interface JobLimits extends LimitOptions {
  /** Units of fuel for the whole job. */
  readonly fuel?: number | undefined;
  /**
   * Bytes of its output, as V8 serializes it: what a program for WASI has printed and left in files is part of that. The job fails
   * with a LimitError that has more. Without it, as its tenant or pool has it.
   */
  readonly output?: number | undefined;
}

/** How often a job is saved: after so much fuel, or so many ms, whichever is first. */
export interface SaveEvery {
  /** Units of fuel. */
  readonly fuel?: number | undefined;
  readonly ms?: number | undefined;
}

/** What a job can be told that is kept in the pool's `store`. */
export interface KeepingOptions {
  /**
   * Has the job kept in the pool's store under that key, up to 200 characters, from the moment it is there to its result. The
   * same key again is the same job or its result, also in another process; with another module, call or input it is a mistake.
   */
  readonly key?: string | undefined;
  /**
   * With a `key`: how often the job is saved besides; every second unless told. It is saved in any case when it calls a service,
   * before that is asked, and when it waits for a second or more.
   */
  readonly saveEvery?: SaveEvery | undefined;
}

/** What all jobs can be told, however they begin. */
export interface JobOptions {
  /**
   * URL of a module whose `imports` (or default export) are host functions: an object, or a function that makes it.
   * They run on the job's thread, each slice perhaps on another, so they keep nothing of a job in variables. Async ones
   * keep their thread busy while they wait; services do not.
   */
  readonly host?: URL | string | undefined;
  /** Services of this job, by import module, besides those of the pool. */
  readonly services?: Readonly<Record<string, Service>> | undefined;
  /**
   * What services know the job by, wherever it is resumed: up to 200 characters, a random UUID unless told. A snapshot
   * keeps it; whoever resumes one that others may have written, or a copy that is to be another job, says it anew.
   */
  readonly identity?: string | undefined;
  /** How long a service may take to answer, in ms. Without it, as long as it likes. */
  readonly serviceTimeout?: number | undefined;
  /** Each that is left out has its default, or the snapshot's where a job is resumed. */
  readonly limits?: JobLimits | undefined;
  /** What runs the guest: `auto` unless told. */
  readonly engine?: VmOptions['engine'];
  /** Suspends the job; nothing is killed. */
  readonly signal?: AbortSignal | undefined;
  /** Ends the job after so many ms from now: its time in the queue, decoding and compiling its module are included. */
  readonly deadline?: number | undefined;
  /** From when the deadline counts: from now (`submit`, unless told), or from when a thread first takes the job up (`start`). */
  readonly deadlineFrom?: 'submit' | 'start' | undefined;
  /**
   * How many ms after its deadline a job may take to come to rest and be saved, 150 unless told. What takes longer is
   * given up, without a snapshot; a thread that is busy with it for a second more, or the pool's `grace`, is replaced.
   */
  readonly overtime?: number | undefined;
  /**
   * Whose the job is, up to 200 characters. Tenants share the threads' time by their weights (the pool's `tenants`), however many jobs
   * each has; all jobs without one are one tenant's.
   */
  readonly tenant?: string | undefined;
  /** From -20 to 20: each step doubles the share of slices among a tenant's jobs. */
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
  /**
   * With `retry`: how often; 3 unless told. With a `key`, which always goes on from where it was saved: how often without having been
   * saved in between; 20 unless told.
   */
  readonly retries?: number | undefined;
  /** With `retry`: a checkpoint every so many slices; 50 unless told. */
  readonly checkpointEvery?: number | undefined;
  /** Called after each slice. What it throws harms nobody: the process is warned of it, once a job. */
  readonly onProgress?: ((stats: JobStats) => void) | undefined;
}

/** Calls one export. The output is the list of its results. */
export interface CallSpec extends JobOptions, KeepingOptions {
  /** Bytes are decoded by the job's thread, within the job's time; what is wrong with them ends the job. */
  readonly module: ModuleLike;
  readonly export: string;
  readonly args?: readonly Value[] | undefined;
}
/** Runs the steps of a job module (program.ts). The output is what its last step says. */
export interface ProgramSpec extends JobOptions, KeepingOptions {
  readonly module: ModuleLike;
  readonly program: URL | string;
  readonly input?: unknown;
}

/** Runs a program for WASI, from `_start`. The output is a WasiOutput. */
export interface WasiSpec extends JobOptions, KeepingOptions {
  readonly module: ModuleLike;
  readonly wasi: WasiJob;
}

/** How a snapshot goes on. What is left out is as it was, for a job that was suspended in this process. */
export interface ResumeOptions extends JobOptions, KeepingOptions {
  /** The modules of the snapshot's VM; those of a job that was suspended in this process, or that came along, are known. */
  readonly modules?: readonly ModuleLike[] | undefined;
  /** The job module; likewise. */
  readonly program?: URL | string | undefined;
  /**
   * Of a program for WASI that was suspended elsewhere: `{}`, or its limits anew. All else it has with it. Its files must
   * be in memory, and at `/`.
   */
  readonly wasi?: Pick<WasiJob, 'limits'> | undefined;
  /** For a VM that was saved outside of a pool, and is in no call: what to call. */
  readonly export?: string | undefined;
  readonly args?: readonly Value[] | undefined;
}

/** How the jobs of `pool.map` run. */
export interface MapOptions extends JobOptions {
  /** How many jobs may have begun whose output has not been taken yet; by default two a thread, and up to 32 where they are short. */
  readonly inFlight?: number | undefined;
}

/** What a job keeps of its options, complete and checked. A resumed job inherits it, save for what is counted. */
export interface JobSpec {
  readonly modules: readonly Carried[];
  readonly program: string | undefined;
  readonly wasi: WasiOrder | undefined;
  readonly host: string | undefined;
  readonly services: Readonly<Record<string, Service>>;
  /** A random one is made when somebody asks: `Run.identity`. */
  readonly identity: string | undefined;
  readonly serviceTimeout: number | undefined;
  readonly limits: Partial<VmLimits>;
  /** Bytes of its output. */
  readonly output: number | undefined;
  readonly engine: VmOptions['engine'];
  readonly tenant: string | undefined;
  readonly priority: number;
  readonly affinity: Affinity;
  readonly sliceFuel: number | undefined;
  readonly onCrash: 'fail' | 'retry';
  readonly retries: number;
  readonly checkpointEvery: number;
  readonly onProgress: ((stats: JobStats) => void) | undefined;
  /** Of a job that is kept in a store, and never inherited. */
  readonly key: string | undefined;
  readonly saveEvery: SaveEvery;
  /** Counted or watched from the start of the job, never inherited. */
  readonly fuel: number;
  readonly deadline: number | undefined;
  readonly deadlineFrom: 'submit' | 'start';
  readonly overtime: number;
  readonly signal: AbortSignal | undefined;
}

export const aUrl = check(
  (url: URL | string) => URL.canParse(String(url)),
  "an absolute URL, as of new URL('../file.js', import.meta.url)",
);
export const anIdentity = check(isIdentity, `a text of 1 to ${mostOfName} characters`);
const aService = check(isService, 'a service: an object, a Comlink remote, a MessagePort or a Worker');
export const someServices = recordOf(aService);

/** Throws UsageError for what cannot be a service. */
export const checkService = (name: string, service: unknown): void => aService(service, `services.${name}`);

const storeMethods = ['commit', 'head', 'list', 'get', 'has', 'collect', 'close'] as const;
const aStore = check(
  (v: unknown) =>
    typeof v === 'string' ? v !== '' : storeMethods.every((name) => typeof (v as Store)[name] === 'function'),
  'a Store, or the path of one',
);

const shareChecks = {
  jobs: anInteger(1),
  bytes: anInteger(1),
  running: anInteger(1),
  fuelPerSecond: aNumber(1),
  output: aCount,
};
const tenantOptions = optionsOf<TenantOptions>({ ...shareChecks, live: anInteger(1), weight: aNumber(0.001, 1000) });

const poolChecks: Checks<PoolOptions> = {
  threads: anInteger(1, 1024),
  sliceMs: aNumber(0.1, mostMs),
  services: someServices,
  maxLive: anInteger(1, 10_000),
  sleepAfter: aTime,
  awakeBytes: aCount,
  limits: optionsOf<Omit<ShareLimits, 'live'>>(shareChecks),
  tenants: recordOf(tenantOptions),
  grace: aTime,
  cache: aText,
  store: aStore,
  lease: aNumber(100, 3_600_000),
  keepResults: aTime,
  execArgv: listOf(aText),
  resourceLimits: recordOf(aNumber(0)),
};
const poolOptions = optionsOf(poolChecks);

const jobChecks: Checks<JobOptions> = {
  host: aUrl,
  services: someServices,
  identity: anIdentity,
  serviceTimeout: aTime,
  limits: optionsOf<JobLimits>({ ...limitChecks, fuel: aCount, output: aCount }),
  engine: engineOption,
  signal: aSignal,
  deadline: aTime,
  deadlineFrom: oneOf('submit', 'start'),
  overtime: aTime,
  tenant: anIdentity,
  priority: aNumber(priorities.least, priorities.most),
  affinity: oneOf('keep', 'spread'),
  sliceFuel: anInteger(1),
  onCrash: oneOf('fail', 'retry'),
  retries: anInteger(0, 1_000_000),
  checkpointEvery: anInteger(1, mostMs),
  onProgress: aFunction,
};
const keepingChecks: Checks<KeepingOptions> = {
  key: anIdentity,
  saveEvery: optionsOf<SaveEvery>({ fuel: anInteger(1), ms: aTime }),
};
const callChecks: Checks<CallSpec> = { ...jobChecks, ...keepingChecks, module: aModule, export: aText, args: aList };
const programChecks: Checks<ProgramSpec> = {
  ...jobChecks,
  ...keepingChecks,
  module: aModule,
  program: aUrl,
  input: anything,
};
const wasiChecks: Checks<WasiSpec> = { ...jobChecks, ...keepingChecks, module: aModule, wasi: aWasiJob };
const resumeChecks: Checks<ResumeOptions> = {
  ...jobChecks,
  ...keepingChecks,
  wasi: aWasiJob,
  modules: listOf(aModule),
  program: aUrl,
  export: aText,
  args: aList,
};
const callOptions = optionsOf(callChecks, 'module', 'export');
const programOptions = optionsOf(programChecks, 'module', 'program');
const wasiOptions = optionsOf(wasiChecks, 'module', 'wasi');
const resumeOptions = optionsOf(resumeChecks);
const mapOptions = optionsOf<MapOptions>({ ...jobChecks, inFlight: aNumber(1) });

/** Each throws UsageError. */
export const checkSubmit = (spec: CallSpec | ProgramSpec | WasiSpec): void => {
  anObject(spec, 'a job');
  ('program' in spec ? programOptions : 'wasi' in spec ? wasiOptions : callOptions)(spec, theOptions);
};
export const checkResume = (options: ResumeOptions): void => resumeOptions(options, theOptions);
/** Keys and identities are those of one job. */
export function checkFork(count: number, options: ResumeOptions): void {
  anInteger(1, 1_000_000)(count, 'the number of forks');
  checkResume(options);
  if (count > 1 && (options.key ?? options.identity) !== undefined)
    throw new UsageError('a key or an identity is that of one job: fork one at a time');
}
export const checkMap = (module: unknown, target: unknown, options: MapOptions): void => {
  aModule(module, 'the module');
  aTarget(target, 'what is called');
  mapOptions(options, theOptions);
};
const aTarget = check(
  (v: unknown) => typeof v === 'string' || v instanceof URL || Object.hasOwn(Object(v), 'wasi'),
  'the name of an export, a URL, or an object with `wasi`',
);

/** A pool's options, complete and checked. */
export interface PoolSpec {
  readonly threads: number;
  readonly sliceMs: number;
  readonly services: Readonly<Record<string, Service>>;
  readonly sleepAfter: number;
  readonly awakeBytes: number;
  readonly limits: ShareLimits;
  readonly tenants: Readonly<Record<string, TenantOptions>>;
  readonly grace: number;
  readonly cache: string | undefined;
  readonly store: Store | string | undefined;
  readonly lease: number;
  readonly keepResults: number | undefined;
  readonly execArgv: string[] | undefined;
  readonly resourceLimits: object | undefined;
}

/** Throws UsageError. */
export function poolSpec(options: PoolOptions): PoolSpec {
  poolOptions(options, theOptions);
  const { cache, store, lease = 10_000, keepResults, execArgv, resourceLimits } = options;
  const { threads = availableParallelism(), sliceMs = 10, services = {}, grace = 5000 } = options;
  const { maxLive = 4096, sleepAfter = 10_000, awakeBytes = 512 * 2 ** 20 } = options;
  const { tenants = {} } = options;
  const limits = { ...options.limits, live: maxLive };
  const live = { limits, sleepAfter, awakeBytes, tenants };
  return { threads, sliceMs, services, ...live, grace, cache, store, lease, keepResults, execArgv, resourceLimits };
}

export const hrefOf = (url: URL | string | undefined): string | undefined =>
  url === undefined ? undefined : new URL(url).href;

/** The options have been checked; `inherited` is what a resumed job was submitted with. */
export function jobSpec(
  options: JobOptions & KeepingOptions & { program?: URL | string | undefined; wasi?: WasiJob | undefined },
  modules: readonly Carried[],
  inherited?: JobSpec,
  identity?: string,
): JobSpec {
  const { fuel = Infinity, output = inherited?.output, ...limits } = { ...inherited?.limits, ...options.limits };
  return {
    modules,
    program: hrefOf(options.program) ?? inherited?.program,
    wasi: options.wasi === undefined ? inherited?.wasi : wasiOrder(options.wasi),
    host: hrefOf(options.host) ?? inherited?.host,
    services: { ...inherited?.services, ...options.services },
    identity: options.identity ?? identity,
    serviceTimeout: options.serviceTimeout ?? inherited?.serviceTimeout,
    limits: givenLimits(limits),
    output,
    engine: options.engine ?? inherited?.engine,
    tenant: options.tenant ?? inherited?.tenant,
    priority: options.priority ?? inherited?.priority ?? 0,
    affinity: options.affinity ?? inherited?.affinity ?? 'keep',
    sliceFuel: options.sliceFuel ?? inherited?.sliceFuel,
    onCrash: options.onCrash ?? inherited?.onCrash ?? 'fail',
    retries: options.retries ?? inherited?.retries ?? (options.key === undefined ? 3 : 20),
    checkpointEvery: options.checkpointEvery ?? inherited?.checkpointEvery ?? 50,
    onProgress: options.onProgress ?? inherited?.onProgress,
    key: options.key,
    saveEvery: options.saveEvery ?? { ms: 1000 },
    fuel,
    deadline: options.deadline,
    deadlineFrom: options.deadlineFrom ?? 'submit',
    overtime: options.overtime ?? inherited?.overtime ?? 150,
    signal: options.signal,
  };
}
