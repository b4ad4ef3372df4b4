// Jobs with a key: taken up from the store or made in it, saved as they go on, and ended there before anybody hears of it. What
// runs when and where is life.ts's; what is in the store ledger.ts's.

import { setTimeout as sleep } from 'node:timers/promises';
import { Lru } from '../../runtime/kept/lru.ts';
import { UsageError, WasboxError } from '../../spec/errors.ts';
import { isA, quoted } from '../../spec/told.ts';
import { type Store, StoreError } from '../../store/index.ts';
import { Codes } from '../durable/codes.ts';
import type { Entry } from '../durable/entry.ts';
import { type Held, Ledger, type Wanted } from '../durable/ledger.ts';
import { bounds } from '../line/bounds.ts';
import { deferred } from '../line/deferred.ts';
import { toData } from '../told/errors.ts';
import { type Carried, carried } from '../told/module-bytes.ts';
import type { JobSpec } from '../told/options.ts';
import { pack } from '../told/parcel.ts';
import type { Checkpoint, SliceEnd } from '../told/protocol.ts';
import { JobSnapshot } from '../told/snapshot.ts';
import type { Job } from './job.ts';
import { Kept } from './kept.ts';
import { inStore } from './place.ts';
import type { Run } from './run.ts';
import { digestOf, type Origin, type ReadSpec, readSpec, titleOf, writeSpec } from './spec.ts';

/** What a pool does for these jobs. */
export interface PoolSide {
  /** Makes a job that was found in the store. */
  recovered(spec: JobSpec, origin: Origin): Job<unknown>;
  /** The same of one that is in our hands. */
  taken(spec: JobSpec, origin: Origin, held: Held): Taken;
  /** A job of that key which has ended with that error. */
  refused(key: string, error: Error): Job<unknown>;
  /** The job may run. */
  line(run: Run): void;
  /** Ends a job here; in the store it stays as it is. */
  drop(run: Run, error: Error): void;
  /** It waits for the store. */
  waits(run: Run): void;
  /** Its result is known. */
  finish(run: Run, status: 'done' | 'failed'): void;
  hasService(name: string): boolean;
}

/** A job that was taken up for a queue. */
export interface Taken {
  readonly job: Job<unknown>;
  /** It is somebody else's: it ends here, and nothing more is written of it. */
  abandon(): void;
  /**
   * It ends here, and is anybody's, at once where it waits and is in the store as it is, else once it was suspended. Rejects with
   * what `job.suspend` does.
   */
  giveBack(): Promise<void>;
}

/** How a pool keeps jobs. */
export interface KeepingOptions {
  readonly store: Store | string;
  readonly lease: number;
  readonly keepResults: number | undefined;
  readonly cache: string | undefined;
}

/** How many jobs are read at once when all are brought back. */
const mostAtOnce = 256;
/** How often the state of a job is looked at that somebody else has. */
const lookMs = 250;

export class DurableJobs {
  readonly ledger: Ledger;
  /** Those that have not ended here. */
  private readonly jobs = new Map<string, { readonly job: Job<unknown>; readonly digest: string | undefined }>();
  /** What is still being written of jobs that have ended here; whoever takes one up anew waits for it. */
  private readonly ending = new Map<string, Promise<unknown>>();
  /** Of jobs that were brought back, by their roots in the store; and those that are being read. */
  private readonly modules = new Lru<string, Carried>(() => bounds.recoveredModules);
  private readonly reading = new Map<string, Promise<Carried>>();
  private readonly expiry: NodeJS.Timeout | undefined;
  /** Native code goes from one machine to another where there is a folder for it. */
  readonly codes: Codes | undefined;

  constructor(
    private readonly options: KeepingOptions,
    private readonly pool: PoolSide,
  ) {
    this.ledger = new Ledger(options.store, options.lease);
    const { keepResults, cache } = options;
    this.codes = cache === undefined ? undefined : new Codes(() => this.ledger.store, cache);
    if (keepResults === undefined) return;
    const expire = () => void this.ledger.expire(keepResults).catch(() => {});
    this.expiry = setInterval(expire, Math.min(60_000, Math.max(1000, keepResults / 4))).unref();
  }

  // ---- taking jobs up

  /** The job of that key, where it has not ended here. Throws UsageError where it is another one. */
  running(spec: JobSpec, origin: Origin): Job<unknown> | undefined {
    const known = this.jobs.get(spec.key as string);
    if (known?.digest !== undefined && known.digest !== digestOf(spec, origin))
      throw new UsageError(
        `the key ${quoted(spec.key as string)} is that of another job: of another module, call or input`,
      );
    return known?.job;
  }

  /** Has a job run that is ours. */
  attachHeld(run: Run, job: Job<unknown>, origin: Origin, held: Held): void {
    const kept = new Kept(held.key, run.spec.saveEvery, origin);
    run.kept = kept;
    kept.held = held;
    this.jobs.set(kept.key, { job, digest: undefined });
    this.goBack(run, kept, held);
    this.pool.line(run);
  }

  /** Finds the job in the store, or makes it there unless it is `known`; it runs once it is ours. */
  attach(run: Run, job: Job<unknown>, origin: Origin, known: boolean): void {
    const kept = new Kept(run.spec.key as string, run.spec.saveEvery, origin);
    run.kept = kept;
    run.keeping = true;
    run.status = 'waiting';
    this.pool.waits(run);
    const wanted = known ? undefined : this.wanted(run, origin);
    this.jobs.set(kept.key, { job, digest: wanted?.digest });
    this.take(run, kept, wanted).catch((error: unknown) => this.pool.drop(run, error as Error));
  }

  private wanted(run: Run, origin: Origin): Wanted {
    const { spec, services } = run;
    const digest = digestOf(spec, origin);
    // Written at once: whoever submits may change what they have.
    const written = writeSpec(spec, [...services.keys()], origin);
    const make = () => ({
      ...{ by: 'pool' as const, digest, identity: run.identity, title: titleOf(spec, origin), spec: written },
      modules: spec.modules.map(({ bytes }) => bytes),
    });
    return { digest, make };
  }

  private async take(run: Run, kept: Kept, wanted: Wanted | undefined): Promise<void> {
    await this.ending.get(kept.key);
    let claim = await this.ledger.claim(kept.key, wanted);
    for (; claim.kind === 'elsewhere' && !run.ended; claim = await this.ledger.claim(kept.key, wanted))
      await sleep(Math.min(lookMs, this.options.lease / 4));
    if (claim.kind === 'absent') throw new UsageError(`the job ${quoted(kept.key)} was removed from the store`);
    if (claim.kind === 'ended') return this.deliver(run, claim.entry);
    if (claim.kind !== 'held') return;
    kept.held = claim.held;
    if (run.ended) return kept.forsaken ? this.forsake(kept) : this.ledger.release(claim.held);
    if (!claim.isNew) this.goBack(run, kept, claim.held);
    run.keeping = false;
    this.pool.line(run);
  }

  /** To where it was last saved; or to its beginning. */
  private goBack(run: Run, kept: Kept, { entry }: Held): void {
    const { checkpoint, paid, spent, identity } = entry;
    if (checkpoint !== undefined) kept.origin = undefined;
    run.adopt(kept.origin === undefined ? inStore(paid) : { ...kept.origin, paid: 0 }, identity, spent);
    kept.saved(run.place.paid);
  }

  /** Reads a job that is in the store and nowhere else. Rejects with StoreError, SnapshotError. */
  async bring(run: Run): Promise<void> {
    const held = (run.kept as Kept).held as Held;
    const states = await this.ledger.states(held.entry.checkpoint as string);
    held.bytes = states.reduce((sum, { length }) => sum + length, 0);
    run.wake(placeOf(states));
  }

  private async deliver(run: Run, entry: Entry): Promise<void> {
    const outcome = await this.ledger.outcome((run.kept as Kept).key, entry);
    if (run.ended) return;
    if (outcome.kind === 'done') run.output.resolve(outcome.output);
    else run.output.reject(outcome.error);
    this.pool.finish(run, outcome.kind);
  }

  /** All jobs of the store that have no result: those that others have, too, which come here when they end or are left. */
  async recover(keys?: ReadonlySet<string>): Promise<ReadonlyMap<string, Job<unknown>>> {
    const found = new Map<string, Job<unknown>>();
    let some: Promise<void>[] = [];
    for await (const { key, entry } of this.ledger.entries(keys)) {
      const known = this.jobs.get(key)?.job;
      if (known === undefined && !isA(entry, StoreError) && entry.state !== 'live') continue;
      if (keys === undefined && !isA(entry, StoreError) && entry.by === 'queue') continue;
      const put = (job: Job<unknown>) => void found.set(key, job);
      if (known === undefined) some.push(this.recovered(key, entry, put));
      else put(known);
      if (some.length >= mostAtOnce) some = await Promise.all(some).then(() => []);
    }
    await Promise.all(some);
    // Processes that are killed over and over never come to it by what they have saved.
    if (keys === undefined) this.ledger.tidy(0);
    return found;
  }

  /** No promise may be resolved with a job, which is awaitable itself: that would wait for its end. */
  private async recovered(key: string, entry: Entry | StoreError, put: (job: Job<unknown>) => void): Promise<void> {
    try {
      if (isA(entry, StoreError)) throw entry;
      if (entry.by !== 'pool') throw new UsageError(`the job ${quoted(key)} is ${ofOthers[entry.by]}`);
      const { spec, origin } = await this.submitted(key, entry);
      put(this.pool.recovered(spec, origin));
    } catch (error) {
      put(this.pool.refused(key, isA(error, WasboxError) ? error : unreadable(key, error)));
    }
  }

  /** What a job was submitted with. Rejects with StoreError, and with UsageError where the pool lacks what it needs. */
  private async submitted(key: string, entry: Entry): Promise<ReadSpec> {
    const carriers = await Promise.all(entry.modules.map((root) => this.module(root)));
    const read = readSpec(await this.ledger.bytes(entry.spec as string), key, carriers);
    const lacking = read.services.filter((name) => !this.pool.hasService(name));
    if (lacking.length === 0) return read;
    throw new UsageError(
      `the job ${quoted(key)} needs services that the pool does not have: ${lacking.map(quoted).join(', ')}`,
    );
  }

  /** Goes on with a job that was taken. Rejects with StoreError, UsageError, LimitError: then nothing has begun. */
  async goOnWith(held: Held): Promise<Taken> {
    const { key } = held;
    await this.ending.get(key);
    try {
      const { spec, origin } = await this.submitted(key, held.entry);
      if (this.codes !== undefined) await Promise.all(spec.modules.map((module) => this.codes?.bring(module)));
      return this.pool.taken(spec, origin, held);
    } catch (error) {
      throw isA(error, WasboxError) ? error : unreadable(key, error);
    }
  }

  /** Rejects with StoreError. */
  private async module(root: string): Promise<Carried> {
    const known = this.modules.get(root);
    if (known !== undefined) return known;
    const found = this.reading.get(root) ?? this.ledger.bytes(root).then((bytes) => carried(bytes));
    this.reading.set(root, found);
    try {
      const module = await found;
      return this.modules.set(root, module, module.bytes.length);
    } finally {
      this.reading.delete(root);
    }
  }

  // ---- as they go on

  /** What has to be durable before the job goes on, or anybody hears of its end; undefined where that is nothing. */
  record(run: Run, end: SliceEnd): Promise<void> | undefined {
    const kept = run.kept as Kept;
    const { held, wanted } = kept;
    if (held === undefined) return undefined;
    if (end.kind === 'done') return this.ledger.end(held, 'done', end.output).then(() => wanted?.resolve());
    if (!('checkpoint' in end) || end.checkpoint === undefined) return undefined;
    const calling = end.kind === 'called' ? end.id : undefined;
    // A job that goes on with a call is in the store as it is.
    if (calling !== undefined && calling === held.entry.calling && wanted === undefined) {
      kept.isSaved = true;
      return undefined;
    }
    const { identity, spec, place } = run;
    const { checkpoint, progress } = end;
    const state = new JobSnapshot(checkpoint.bytes, progress, false, identity, undefined, spec).encode();
    return this.save(run, state, place.paid, calling, checkpoint);
  }

  private async save(
    run: Run,
    state: Uint8Array,
    paid: number,
    calling: number | undefined,
    checkpoint?: Checkpoint,
    leaving: object = {},
  ): Promise<void> {
    const kept = run.kept as Kept;
    const { wanted } = kept;
    kept.wanted = undefined;
    try {
      const about = { paid, spent: run.age, calling, ...leaving };
      await this.ledger.save(kept.held as Held, state, about, checkpoint?.isChange);
    } catch (error) {
      wanted?.reject(error);
      throw error;
    }
    kept.saved(paid, checkpoint);
    run.readers?.tell({ type: 'checkpointed', in: 'store' });
    kept.origin = undefined;
    // Also for those who have asked meanwhile: nothing has run since.
    for (const each of [wanted, kept.wanted]) each?.resolve();
    kept.wanted = undefined;
    this.ledger.tidy();
  }

  /** It was suspended: anybody may go on with it. */
  suspended(run: Run, snapshot: JobSnapshot): Promise<void> {
    const kept = run.kept as Kept;
    const { call, place } = run;
    const saved = this.save(run, snapshot.encode(), place.paid, call, undefined, { owner: undefined });
    return this.last(kept, saved);
  }

  /** It is in the store as it is: anybody may go on with it. */
  release(kept: Kept): Promise<void> {
    return this.last(kept, this.ledger.release(kept.held as Held));
  }

  /** Its result is an error; undefined for one that is no result: the job stays as it was saved. */
  failed(run: Run, error: Error): Promise<void> | undefined {
    const { kept } = run;
    const code = (error as Partial<WasboxError>).code;
    if (kept?.held === undefined || noResults.includes(code)) return undefined;
    return this.last(kept, this.ledger.end(kept.held, 'failed', pack(toData(error), 'an error')));
  }

  /** It was cancelled, and is to be forgotten. */
  forsake(kept: Kept): void {
    kept.forsaken = true;
    if (kept.held !== undefined) void this.last(kept, this.ledger.remove(kept.held)).catch(() => {});
  }

  /** The last that this pool writes of a job. */
  private last({ key }: Kept, work: Promise<void>): Promise<void> {
    const over = work
      .catch(() => {})
      .finally(() => {
        if (this.ending.get(key) === over) this.ending.delete(key);
      });
    this.ending.set(key, over);
    return work;
  }

  /** The thread of the job died. Whether it goes on, as it then does from where it was last saved. */
  revive(run: Run): boolean {
    const kept = run.kept as Kept;
    const crashes = kept.crashes + 1;
    if (kept.held === undefined || crashes > run.spec.retries) return false;
    run.crashed();
    this.goBack(run, kept, kept.held);
    kept.crashes = crashes;
    return true;
  }

  /** Resolves once the job as it is then, or later, is durable. */
  checkpoint(kept: Kept): Promise<void> {
    kept.wanted ??= deferred();
    return kept.wanted.promise;
  }

  /** It has ended here. */
  left(run: Run): void {
    const kept = run.kept as Kept;
    if (this.jobs.get(kept.key)?.job.id === run.id) this.jobs.delete(kept.key);
    kept.wanted?.reject(new UsageError('the job ended before it was saved'));
  }

  /** Removes a result. Rejects with UsageError where the job has none yet. */
  async forget(key: string): Promise<boolean> {
    const isOver = (entry: Entry | StoreError): boolean => {
      if (isA(entry, StoreError)) throw entry;
      if (entry.state === 'live') throw new UsageError(`the job ${quoted(key)} has no result yet`);
      return true;
    };
    return this.ledger.forget(key, isOver);
  }

  async close(): Promise<void> {
    clearInterval(this.expiry);
    await this.codes?.close();
    return this.ledger.close();
  }
}

const ofOthers = {
  run: 'one of `wasbox run`: `wasbox jobs resume` goes on with it',
  queue: 'one of a queue, whose runners go on with it',
};

/** Mistakes of whoever runs the job, and of ours: put right, the job can go on. */
const noResults: readonly (string | undefined)[] = ['usage', 'crash', 'store', 'lost', 'suspended', 'cancelled'];

/** What was read of a job is not what anybody has written. */
const unreadable = (key: string, cause: unknown): StoreError =>
  new StoreError('what the store has kept of a job is damaged', 'damaged', `job ${quoted(key)}`, { cause });

/** A checkpoint of a store, as the place where the job goes on. Throws SnapshotError. */
function placeOf(states: readonly Uint8Array[]): Origin {
  const [first, ...later] = states.map((state) => JobSnapshot.decode(state)) as [JobSnapshot, ...JobSnapshot[]];
  const { progress, answer } = later.at(-1) ?? first;
  return {
    vm: { kind: 'saved', bytes: first.bytes, foreign: false, changes: later.map(({ bytes }) => bytes) },
    progress,
    answer,
  };
}
