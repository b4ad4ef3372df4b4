// The life of jobs: owns the state of all of them between their slices and decides what becomes of them. Who is next is
// scheduler.ts's, how a slice gets to a thread threads.ts's, what happens there slice.ts's, what users ask for pool.ts's.

import type { ProgramThread } from '../../javascript/run/afar.ts';
import { Module } from '../../runtime/module/module.ts';
import { CrashError, UsageError, type WasboxError } from '../../spec/errors.ts';
import { mostMs } from '../../spec/options.ts';
import { isA } from '../../spec/told.ts';
import type { Held } from '../durable/ledger.ts';
import { deferred } from '../line/deferred.ts';
import { Roster } from '../line/roster.ts';
import { Scheduler } from '../line/scheduler.ts';
import type { ThreadId } from '../line/ticket.ts';
import type { Plain } from '../told/batch.ts';
import { LostError } from '../told/ends.ts';
import { CancelledError, fromData, workerError } from '../told/errors.ts';
import { checkFork, type JobSpec, jobSpec, type PoolSpec, type ResumeOptions } from '../told/options.ts';
import { unpack } from '../told/parcel.ts';
import { clock, type Reply, type SliceEnd } from '../told/protocol.ts';
import { checkServices, type Service } from '../told/services.ts';
import { JobSnapshot } from '../told/snapshot.ts';
import type { RunStatus } from '../told/stats.ts';
import type { WatchedPool } from '../watch/channels.ts';
import { News } from '../watch/news.ts';
import { Admission } from './admission.ts';
import { answerOf, type HostCall } from './asking.ts';
import { Batches } from './batches.ts';
import { Bindings } from './bindings.ts';
import { DurableJobs, type PoolSide, type Taken } from './durable-jobs.ts';
import { Grace } from './grace.ts';
import { Job } from './job.ts';
import type { MessageEvents } from './message.ts';
import { type Origin, resumed } from './origin.ts';
import { nowhere } from './place.ts';
import { type GroupSide, type PlacedWork, Places } from './places.ts';
import { PlacedProgram } from './programs.ts';
import { callId, Run, wordBytes } from './run.ts';
import { Sleepers } from './sleepers.ts';
import { Stops } from './stops.ts';
import { type Lost, Threads } from './threads.ts';
import { Together } from './together.ts';

/** All jobs of a pool, and its threads. It keeps the process alive as long as there are jobs. */
export class Life {
  readonly admission: Admission;
  private readonly scheduler: Scheduler<Run | PlacedWork>;
  /** Programs of JavaScript, and groups. */
  private readonly places: Places;
  private readonly threads: Threads;
  private readonly batches: Batches;
  private readonly along: Together;
  /** Jobs that wait. */
  private readonly sleepers: Sleepers;
  /** How many jobs wait for a thread. */
  private readonly crowded = new Int32Array(new SharedArrayBuffer(4));
  private readonly runs = new Roster<Run>();
  private readonly services: Bindings;
  private readonly grace: Grace;
  private readonly stops: Stops;
  private readonly control = {
    suspend: (run: Run) => this.stops.suspend(run),
    cancel: (run: Run) => {
      if (run.kept !== undefined && !run.ended) this.durable?.forsake(run.kept);
      this.cancel(run, new CancelledError('the job was cancelled'));
    },
    checkpoint: (run: Run) => this.stops.checkpoint(run),
    fork: (run: Run, count: number, options: ResumeOptions) => this.fork(run, count, options),
  };
  /** Jobs with a key; undefined where the pool has no store. */
  private readonly durable: DurableJobs | undefined;
  /** Why no job can be submitted any more. */
  private closed: WasboxError | undefined;
  private readonly drained = deferred<void>();
  private ended: Promise<void> | undefined;
  private jobs = 0;
  private readonly keepAlive: NodeJS.Timeout;
  private readonly news: News;

  constructor(
    private readonly spec: PoolSpec,
    pool: WatchedPool,
  ) {
    this.news = new News(pool);
    this.keepAlive = setInterval(() => {}, mostMs).unref();
    this.services = new Bindings(this.spec.services);
    const { store } = this.spec;
    this.durable = store === undefined ? undefined : new DurableJobs({ ...this.spec, store }, this.side);
    this.admission = new Admission(this.spec);
    this.scheduler = new Scheduler(this.admission.shares, (tenant) => this.admission.weightOf(tenant));
    this.sleepers = new Sleepers({ ms: this.spec.sleepAfter, bytes: this.spec.awakeBytes }, this.scheduler, {
      save: (run) => {
        this.queue(run);
        this.pump();
      },
      cool: (run) => {
        this.threads.cool(run.lastThread, run.id);
        this.news.state(run);
      },
    });
    this.threads = new Threads(
      { ...this.spec, crowded: this.crowded },
      {
        born: (thread) => {
          this.scheduler.addThread(thread);
          this.news.born(thread);
          if (this.scheduler.queued > 0) this.pump();
        },
        died: (thread) => {
          this.scheduler.removeThread(thread);
          this.places.died(thread);
          this.news.died(thread);
        },
        extinct: (cause) => this.extinct(cause),
      },
    );
    this.grace = new Grace(this.threads, this.spec.grace);
    const { scheduler, threads, grace, durable, news, sleepers } = this;
    this.stops = new Stops(
      { scheduler, threads, grace, durable, news, sleepers },
      {
        queue: (run) => this.queue(run),
        pump: () => this.pump(),
        fail: (run, error) => this.fail(run, error),
        finish: (run, status) => this.finish(run, status),
        rest: (run, timeout) => this.rest(run, timeout),
      },
    );
    const events: MessageEvents = {
      pump: () => this.pump(),
      running: (run, before) => this.news.running(run, before),
      replied: (run, reply, thread, before) => this.replied(run, reply, thread, before),
      returned: (run, values, report, thread) => this.returned(run, values, report, thread),
      lost: (run, lost) => this.lost(run, lost),
      waits: (run) => this.queue(run),
    };
    this.batches = new Batches(this.scheduler, this.threads, this.spec.sliceMs, events);
    this.along = new Together(this.scheduler, this.threads, this.spec.sliceMs, events);
    this.places = new Places(this.scheduler, this.threads, this.spec.sliceMs, {
      pump: () => this.pump(),
      drained: () => this.settleDrained(),
    });
  }

  /** Throws UsageError where the pool has no store. */
  get kept(): DurableJobs {
    if (this.durable === undefined) throw new UsageError('a job with a key needs a pool with a store');
    return this.durable;
  }

  // ---- what the pool is told

  /** Binds an object to the import module `name` of all jobs that are submitted from now on. */
  expose(name: string, service: Service): void {
    this.services.expose(name, service);
  }

  /** Of the jobs that have not ended, and the programs of JavaScript. */
  get states(): readonly RunStatus[] {
    return [...this.runs.all, ...this.places.all].map(({ status }) => status);
  }

  /** How many jobs wait and have given up their VMs. */
  get asleep(): number {
    return this.runs.all.filter(({ isAsleep }) => isAsleep).length;
  }

  /** A place for a program of JavaScript. Throws UsageError where the pool is closed. */
  openProgram(cancel: (error: Error) => void): ProgramThread {
    if (this.closed !== undefined) throw this.closed;
    return new PlacedProgram(this.places, cancel);
  }

  /** What a group of VMs needs of the pool. Throws UsageError where that is closed. */
  openGroup(services: Readonly<Record<string, Service>>): GroupSide {
    if (this.closed !== undefined) throw this.closed;
    const newNumber = () => this.jobs++;
    return {
      number: newNumber(),
      newNumber,
      places: this.places,
      grace: this.grace,
      services: this.services.with(services),
    };
  }

  /** How many jobs that make the call are sent to a thread together: at least one. */
  together(hash: string, engine: JobSpec['engine'], name: string): number {
    return Math.max(1, this.batches.together(callId(hash, engine, name)));
  }

  get threadCount(): number {
    return this.threads.ids.length;
  }

  /** Takes no more jobs, and resolves once all have ended and all threads are gone. */
  close(): Promise<void> {
    this.closed ??= new UsageError('the pool is closed');
    this.places.closing(this.closed);
    this.settleDrained();
    this.ended ??= this.drained.promise.then(() => this.end());
    return this.ended;
  }

  /** Cancels all jobs and ends all threads. */
  terminate(): Promise<void> {
    this.closed ??= new UsageError('the pool is closed');
    for (const run of this.runs.all) this.cancel(run, new CancelledError('the pool was terminated'));
    this.places.cancel(() => new CancelledError('the pool was terminated'));
    return this.close();
  }

  /** Resolves once all threads have started: a job that begins then has its time for itself. */
  async ready(): Promise<void> {
    await Promise.all(this.threads.ids.filter((id) => this.scheduler.take(id)).map((id) => this.tidied(id)));
  }

  private async end(): Promise<void> {
    this.sleepers.close();
    this.admission.close();
    this.news.close();
    await this.threads.end();
    await this.durable?.close();
    this.services.release();
    clearInterval(this.keepAlive);
  }

  // ---- the life of a job

  /** A job, or the one of its key that has not ended. Throws UsageError, LinkError and LimitError. */
  begin<T>({ spec, place: origin }: Origin, known = false): Job<T> {
    if (this.closed !== undefined) throw this.closed;
    const running = spec.key === undefined ? undefined : this.kept.running(spec, origin);
    if (running !== undefined) return running as Job<T>;
    const { run, job } = this.made<T>(spec, origin, !known);
    if (spec.key === undefined) this.line(run);
    else this.durable?.attach(run, job as Job<unknown>, origin, known);
    return job;
  }

  /** Those that are brought back were let in before. */
  private made<T>(spec: JobSpec, origin: Origin['place'], isNew: boolean): { readonly run: Run; readonly job: Job<T> } {
    const services = this.services.with(spec.services);
    for (const module of spec.modules) if (module instanceof Module) checkServices(module.importList, services);
    if (isNew) this.admission.check(spec.tenant, 1);
    this.admission.count(spec.tenant, 1);
    const run = new Run(this.jobs++, spec, services, origin);
    run.mostOutput = this.admission.mostOutput(spec.tenant, spec.output);
    this.runs.add(run);
    this.news.submitted(run);
    return { run, job: new Job<T>(run, this.control) };
  }

  /** A job that was taken up for a queue. Throws UsageError, LinkError, LimitError. */
  private taken(spec: JobSpec, origin: Origin['place'], held: Held): Taken {
    if (this.closed !== undefined) throw this.closed;
    const { run, job } = this.made<unknown>(spec, origin, true);
    this.kept.attachHeld(run, job, origin, held);
    return { job, abandon: () => this.abandon(run, held), giveBack: () => this.giveBack(run, job) };
  }

  private abandon(run: Run, { key }: Held): void {
    if (run.status === 'running') this.grace.dismiss(run);
    this.drop(run, new LostError(key));
  }

  private async giveBack(run: Run, job: Job<unknown>): Promise<void> {
    const { kept } = run;
    const isThere = run.status === 'waiting' && run.isInStore && !run.keeping && !run.isToBeSaved;
    if (kept === undefined || !isThere || run.answer !== undefined) {
      await job.suspend();
      return;
    }
    this.drop(run, new CancelledError('the job was given back'));
    await this.kept.release(kept);
  }

  /** The job may run. */
  private line(run: Run): void {
    // One that was stopped meanwhile is to be saved.
    this.queue(run);
    if (run.kept === undefined || !run.watched) this.stops.watch(run, run.spec);
    run.watched = true;
    if (!this.batches.delays(run)) this.pump();
  }

  /** What jobs with a key need of the pool. */
  private get side(): PoolSide {
    return {
      recovered: (spec, place) => this.begin({ spec, place }, true),
      taken: (spec, place, held) => this.taken(spec, place, held),
      refused: (key, error) => {
        const run = new Run(this.jobs++, jobSpec({ key }, []), new Map(), nowhere);
        run.output.reject(error);
        run.status = 'failed';
        this.news.submitted(run);
        this.news.ended(run);
        return new Job(run, this.control);
      },
      line: (run) => this.line(run),
      waits: (run) => this.news.state(run),
      drop: (run, error) => this.drop(run, error),
      finish: (run, status) => this.finish(run, status),
      hasService: (name) => this.services.has(name),
    };
  }

  /** Sends off as many slices as there are threads free. */
  private pump(): void {
    this.sleepers.makeRoom();
    for (let next = this.scheduler.next(); next !== undefined; next = this.scheduler.next())
      void (next.job instanceof Run ? this.send(next.job, next.thread) : this.places.send(next.job, next.thread));
    this.admission.later(this.scheduler.readyIn, () => this.pump());
    this.tidy();
    this.stayAlive();
  }

  /** Threads that get no order are told in another way what to drop. */
  private tidy(): void {
    for (const thread of this.threads.untidy()) if (this.scheduler.take(thread)) void this.tidied(thread);
  }

  private async tidied(thread: ThreadId): Promise<void> {
    await this.threads.tidy(thread);
    this.scheduler.release(thread);
    this.pump();
  }

  /** Threads that are busy keep the process alive; so must jobs that wait for a thread to be born. */
  private stayAlive(): void {
    if (this.scheduler.queued > 0) this.keepAlive.ref();
    else this.keepAlive.unref();
    Atomics.store(this.crowded, 0, this.scheduler.queued);
  }

  private send(run: Run, thread: ThreadId): Promise<void> {
    const runs = this.batches.gather(run, thread);
    if (runs !== undefined) return this.batches.send(runs, thread);
    const along = this.along.gather(run, thread);
    return along === undefined ? this.slice(run, thread) : this.along.send(along, thread);
  }

  private async slice(run: Run, thread: ThreadId): Promise<void> {
    if (run.place.vm.kind === 'stored' && !(await this.bring(run, thread))) return;
    const before = run.lastThread;
    if (before !== thread) this.threads.cool(before, run.id);
    this.stops.begin(run);
    run.status = 'running';
    run.lastThread = thread;
    const sentAt = performance.now();
    this.news.running(run, before);
    const reply = await this.replyTo(run, thread);
    const ms = 'lost' in reply ? performance.now() - sentAt : reply.report.busyMs;
    this.scheduler.charge([run], [ms / this.spec.sliceMs]);
    clearTimeout(run.grace);
    run.grace = undefined;
    this.scheduler.release(thread);
    if ('lost' in reply) this.lost(run, reply);
    else this.replied(run, reply, thread, before);
    this.pump();
  }

  /** Reads a job from the store for its slice. False where that is off. */
  private async bring(run: Run, thread: ThreadId): Promise<boolean> {
    run.keeping = true;
    await this.durable?.bring(run).catch((error: unknown) => this.drop(run, error as Error));
    run.keeping = false;
    if (!run.ended && this.threads.has(thread)) return true;
    this.scheduler.charge([run], [0]);
    this.scheduler.release(thread);
    if (!run.ended) this.queue(run);
    this.pump();
    return false;
  }

  private replyTo(run: Run, thread: ThreadId): Promise<Reply | Lost> {
    const mayKeep = run.spec.affinity === 'keep';
    const part = this.threads.partFor(thread, run.spec.modules, run.id, mayKeep);
    this.batches.pace(run);
    return this.threads.run(thread, run.order(part, this.spec.sliceMs), run.transfer);
  }

  private replied(run: Run, reply: Reply, thread: ThreadId, before: ThreadId | undefined): void {
    this.threads.compiled(thread, reply.compiled, run.spec.modules);
    if ('kept' in reply.end && reply.end.kept) this.threads.kept(thread, run.id, wordBytes(reply.end.vm));
    if ('checkpoint' in reply.end && reply.end.checkpoint !== undefined) this.threads.saved(thread, run.id);
    if (run.ended) {
      this.scheduler.ran(run, reply.report.charged, 0);
      return this.threads.forget(run.id);
    }
    this.batches.saw(run, reply.end.kind === 'done', reply.report);
    const { stats } = run;
    run.took(reply, thread, before, this.spec.sliceMs);
    this.scheduler.ran(run, reply.report.charged, run.heldBytes);
    this.news.sliced(run, stats);
    run.tell();
    this.settle(run, reply.end);
  }

  /** As `replied`, of a job that is over. */
  private returned(run: Run, values: readonly Plain[], report: Reply['report'], thread: ThreadId): void {
    if (run.ended) return this.scheduler.ran(run, report.charged, 0);
    this.batches.saw(run, true, report);
    const { stats } = run;
    run.took({ end: { kind: 'returned' }, report }, thread, undefined, this.spec.sliceMs);
    this.scheduler.ran(run, report.charged, 0);
    this.news.sliced(run, stats);
    run.tell();
    run.output.resolve(values);
    this.finish(run, 'done');
  }

  /** What is to be durable is so before the job goes on, or anybody hears of its end. */
  private settle(run: Run, end: SliceEnd): void {
    const recorded = run.kept === undefined ? undefined : this.durable?.record(run, end);
    if (recorded === undefined) return this.proceed(run, end);
    run.status = 'waiting';
    run.keeping = true;
    this.news.state(run);
    const goOn = () => {
      run.keeping = false;
      if (run.ended) return;
      this.proceed(run, end);
      this.pump();
    };
    recorded.then(goOn, (error: unknown) => this.drop(run, error as Error));
  }

  private proceed(run: Run, end: SliceEnd): void {
    switch (end.kind) {
      case 'done':
        run.output.resolve(unpack(end.output));
        return this.finish(run, 'done');
      case 'failed':
        return this.fail(run, fromData(end.error));
      case 'saved':
        return run.stop === undefined ? this.stops.forked(run, end) : this.stops.stopped(run, run.snapshotOf(end));
      case 'dropped':
        return this.fail(run, new CrashError('the VM of a job was dropped that goes on'));
      case 'late':
        return this.stops.late(run, fromData(end.error));
      case 'rested':
        if (run.outOfFuel) run.stop ??= { kind: 'limit', limit: 'fuel' };
        return this.queue(run);
      case 'waits':
        return run.isToBeSaved ? this.queue(run) : this.rest(run, end.timeout);
      case 'called':
        return this.called(run, end);
      default:
        end satisfies never;
    }
  }

  /** One that is to be forked asks its service all the same: it goes on with that. */
  private called(run: Run, end: SliceEnd & { kind: 'called' }): void {
    const { id, module, name, args } = end;
    if (run.stop === undefined) void this.serve(run, { id, module, name, args });
    if (run.isToBeSaved) this.queue(run);
    else this.sleepers.add(run);
  }

  private queue(run: Run): void {
    this.sleepers.remove(run);
    // One that is being stopped takes an answer along that comes until it is saved.
    if (!run.isToBeSaved) run.waited();
    run.status = 'queued';
    this.news.queued(run);
    this.scheduler.enqueue(run, run.isToBeSaved);
  }

  private fail(run: Run, error: Error): void {
    const recorded = run.kept === undefined ? undefined : this.durable?.failed(run, error);
    const told = () => this.reject(run, error);
    if (recorded === undefined) told();
    else recorded.then(told, (other: unknown) => this.reject(run, other as Error));
    this.finish(run, 'failed');
  }

  /** Ends the job here; where it is kept, it stays as it is there. */
  private drop(run: Run, error: Error): void {
    if (run.ended) return;
    this.reject(run, error);
    this.finish(run, isA(error, LostError) ? 'lost' : 'failed');
    this.pump();
  }

  private reject(run: Run, error: Error): void {
    run.output.reject(error);
    run.suspended?.reject(error);
    run.forking?.reject(error);
  }

  private finish(run: Run, status: RunStatus): void {
    run.status = status;
    run.suspended?.reject(new UsageError('the job ended before it could be suspended'));
    run.forking?.reject(new UsageError('the job ended before it could be forked'));
    this.news.ended(run);
    for (const cleanup of run.cleanups.splice(0)) cleanup();
    if (run.kept !== undefined) this.durable?.left(run);
    this.sleepers.remove(run);
    this.sleepers.rested(run);
    this.scheduler.remove(run);
    this.scheduler.retire(run);
    this.threads.forget(run.id);
    run.forget();
    this.runs.delete(run);
    this.admission.count(run.spec.tenant, -1);
    this.tidy();
    this.stayAlive();
    this.settleDrained();
  }

  private settleDrained(): void {
    if (this.closed !== undefined && this.runs.size + this.places.size === 0) this.drained.resolve();
  }

  /** Its guest waits: the job comes back when the time is over, and needs no thread until then. */
  private rest(run: Run, timeout: number): void {
    run.waited();
    run.status = 'waiting';
    const timer = setTimeout(
      () => {
        if (run.status !== 'waiting') return;
        this.queue(run);
        this.pump();
      },
      Math.min(timeout, mostMs),
    );
    run.giveUp = () => clearTimeout(timer);
    run.wakesAt = clock() + timeout;
    this.news.state(run);
    this.sleepers.add(run);
  }

  // ---- services

  /** As long as nobody answers, all that it was given is held. */
  private async serve(run: Run, call: HostCall): Promise<void> {
    const { id } = call;
    run.status = 'waiting';
    run.call = id;
    this.news.state(run);
    const { services, identity: job, signal } = run;
    const asked = (giveUp: () => void) => {
      run.giveUp = giveUp;
    };
    const answer = await answerOf({ services, job, signal, timeout: run.spec.serviceTimeout, asked }, call);
    if (run.call !== id || run.ended) return;
    run.call = undefined;
    // While the job is being saved, its snapshot takes the answer along.
    run.answer = answer;
    if (run.status !== 'waiting') return;
    this.queue(run);
    this.pump();
  }

  // ---- ends before the end

  /** New jobs that go on from where the job is; it goes on itself. */
  private async fork(run: Run, count: number, options: ResumeOptions): Promise<Job<unknown>[]> {
    checkFork(count, options);
    this.admission.check(options.tenant ?? run.tenant, count);
    const { bytes, progress, answer, spec } = await this.stops.state(run);
    // Services have to tell them apart.
    const snapshot = new JobSnapshot(bytes, progress, false, undefined, answer, spec);
    return Array.from({ length: count }, () => this.begin(resumed(snapshot, options)));
  }

  private cancel(run: Run, error: CancelledError): void {
    if (run.ended) return;
    if (run.status === 'running') this.grace.dismiss(run);
    this.reject(run, error);
    this.finish(run, 'cancelled');
  }

  /** The thread died. If that was in the middle of the slice, the VM went with it. */
  private lost(run: Run, { lost, begun }: Lost): void {
    if (run.ended) return;
    this.threads.cool(run.lastThread, run.id);
    const unharmed = !begun && run.transfer.length === 0;
    if (unharmed) return this.queue(run);
    // Where it goes on from it may not have made the call yet; else it makes it again.
    run.call = undefined;
    run.waited();
    this.sleepers.rested(run);
    if (run.kept === undefined ? run.revive() : this.durable?.revive(run)) return this.queue(run);
    const death = workerError('the thread that ran the job died', { cause: lost });
    this.fail(run, run.stop?.kind === 'limit' ? run.stopError(undefined, { cause: death }) : death);
  }

  private extinct(cause: Error): void {
    this.closed ??= workerError('no thread is left to run jobs', { cause });
    for (const run of this.runs.all) this.drop(run, this.closed);
    const { closed } = this;
    this.places.cancel(() => closed);
  }
}
