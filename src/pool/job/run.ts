// The pool's record of one job: where its VM is, what it waits for, how it is to end. Decides how much fuel the next
// slice gets; everything that involves other jobs or threads is life.ts's.

import { randomUUID } from 'node:crypto';
import { weightOf } from '../../runtime/memory/weight.ts';
import { mapWords } from '../../snapshot/data/format.ts';
import { CrashError } from '../../spec/errors.ts';
import { toldThrown } from '../../spec/told.ts';
import { type Deferred, deferred } from '../line/deferred.ts';
import { firstFuel, nextFuel } from '../line/pace.ts';
import type { Placed } from '../line/roster.ts';
import { type ThreadId, type Ticket, ticket } from '../line/ticket.ts';
import type { Waiter } from '../line/waiting.ts';
import { type BatchedJob, PlainStart } from '../told/batch.ts';
import { JobLimitError, SuspendedError } from '../told/ends.ts';
import type { JobSpec } from '../told/options.ts';
import type { Answer, MovingVm, Order, Reply, SliceEnd } from '../told/protocol.ts';
import { clock } from '../told/protocol.ts';
import { Series, vmAt } from '../told/series.ts';
import type { BoundService } from '../told/services.ts';
import { JobSnapshot, wholeOf } from '../told/snapshot.ts';
import { addSlice, type JobStats, noStats, type RunStatus } from '../told/stats.ts';
import type { Followed, Readers } from '../watch/readers.ts';
import type { Marks } from '../watch/watched.ts';
import type { Kept } from './kept.ts';
import { inStore, nowhere, type Place } from './place.ts';
import type { ThreadPart } from './threads.ts';

/** Why a job is to end before it is done. */
export type Stop =
  | { readonly kind: 'suspend'; readonly cause: unknown }
  | { readonly kind: 'limit'; readonly limit: 'fuel' | 'deadline' };

const noServices: ReadonlyMap<string, BoundService> = new Map();
/** What a VM takes that is on its way, whatever is in it. */
const bareBytes = 16 * 1024;

/** Bytes of a VM besides its memories. */
export function wordBytes({ message }: MovingVm): number {
  let bytes = 0;
  mapWords(message.data, (words) => {
    bytes += words.byteLength;
  });
  return bytes;
}

const sharedBytes = ({ message }: MovingVm): number =>
  (message.data.blocks ?? []).reduce((sum, { length }) => sum + length, 0) +
  message.memories.reduce(
    (sum, memory) => sum + ('buffer' in memory && !(memory instanceof Uint8Array) ? memory.buffer.byteLength : 0),
    0,
  );

/** Of a job in a batch: its call has returned, and nothing else is to be known. */
type Over = { readonly kind: 'returned' };

/** What jobs are known by that make the same call. */
export const callId = (hash: string | undefined, engine: JobSpec['engine'], name: string): string =>
  `${hash} ${engine ?? 'auto'} ${name}`;

const plainBytes = ({ message }: MovingVm): number =>
  message.memories.reduce((sum, memory) => sum + (memory instanceof Uint8Array ? memory.length : 0), 0);

export class Run implements Ticket, Placed, Waiter<Run>, Followed {
  seat = 0;
  wait: Waiter<Run>['wait'];
  readonly tenant: string | undefined;
  readonly priority: number;
  readonly affinity: Ticket['affinity'];
  thread: ThreadId | undefined;
  live: boolean;
  pass: number;
  arrival: number;

  status: RunStatus = 'queued';
  stats: JobStats = noStats;
  readonly output: Deferred<unknown> = deferred();
  /** Bytes that its output may have; undefined for any number. */
  mostOutput: number | undefined;
  /** It was sent off together with others. */
  inBatch = false;
  /** What callers of `suspend` wait for. */
  suspended: Deferred<JobSnapshot> | undefined;
  stop: Stop | undefined;
  /** What callers of `fork` wait for. */
  forking: Deferred<JobSnapshot> | undefined;
  /** It is to give up its VM, and goes on waiting. */
  resting = false;
  answer: Answer | undefined;
  /** The host call that it waits for. */
  call: number | undefined;
  place: Place;
  /** The thread of its last slice. */
  lastThread: ThreadId | undefined;
  /** That its `onProgress` throws has been told. */
  private warned = false;
  /** Its last order went to a thread that still had its VM. */
  warm = false;
  /** Ends the thread of a slice that does not stop when it is asked to. */
  grace: NodeJS.Timeout | undefined;
  /** Undo what was set up for the job outside of it: timers, listeners. */
  readonly cleanups: (() => void)[] = [];
  /** Gives up what the guest waits for, a timer or a service; there while it waits. */
  giveUp: (() => void) | undefined;
  /** When the time that its guest waits for is over, by `clock()`. */
  wakesAt: number | undefined;

  /** Those who follow it; and what the pool's watch has taken down of it. Undefined as long as nobody listens. */
  readers: Readers | undefined;
  marks: Marks | undefined;

  /** What a job with a key has besides. */
  kept: Kept | undefined;
  /** It waits for the store, and does not go on before that has answered. */
  keeping = false;
  /** What can end it from outside has been set up. */
  watched = false;

  /** When its time begins; undefined where that is with its first slice, and there was none. */
  private bornAt: number | undefined;
  /** Made when they are asked for: few jobs call a service, or are saved. */
  private known: string | undefined;
  private over: AbortController | undefined;
  /** What its shared memories count for here, where it is between slices. */
  private weight: ArrayBuffer | undefined;
  private checkpoint: Place;
  /** Its checkpoints since one that was whole. */
  private series: Series | undefined;
  private sinceCheckpoint = 0;
  /** What its next slice is granted. */
  fuel = firstFuel;
  /** It is expected to end in its first slice. */
  isBrief = false;
  /** By what it is known that it began with, where that was asked for. */
  knownAs: string | undefined;
  /** Its last order was to run nothing. */
  private saving = false;

  constructor(
    readonly id: number,
    readonly spec: JobSpec,
    public services: ReadonlyMap<string, BoundService>,
    origin: Omit<Place, 'paid'>,
  ) {
    ({ tenant: this.tenant, priority: this.priority, affinity: this.affinity } = spec);
    ({ thread: this.thread, live: this.live, pass: this.pass, arrival: this.arrival } = ticket(spec));
    this.place = { ...origin, paid: 0 };
    this.checkpoint = this.place;
    this.answer = origin.answer;
    if (spec.deadlineFrom !== 'start') this.bornAt = clock();
  }

  /** What services know it by. */
  get identity(): string {
    this.known ??= this.spec.identity ?? randomUUID();
    return this.known;
  }

  /** Ms under way: those that its deadline counts. */
  get age(): number {
    return this.bornAt === undefined ? 0 : clock() - this.bornAt;
  }

  /** Whether its time has begun. */
  get hasBegun(): boolean {
    return this.bornAt !== undefined;
  }

  /** A thread takes it up. */
  begin(): void {
    this.bornAt ??= clock();
  }

  /** Goes on from a place that was kept in a store, where it had been under way for so many ms. */
  adopt(place: Place, identity: string, age: number): void {
    this.put(place);
    this.answer = place.answer;
    this.known = identity;
    if (age > 0 || this.hasBegun) this.bornAt = clock() - age;
  }

  /** What it holds while it waits. */
  get heldBytes(): number {
    const { vm } = this.place;
    if (vm.kind === 'moving') return bareBytes + sharedBytes(vm) + plainBytes(vm) + wordBytes(vm);
    return vm.kind === 'saved' ? vm.bytes.length + (vm.changes ?? []).reduce((sum, { length }) => sum + length, 0) : 0;
  }

  /** It waits, and has no VM. */
  get isAsleep(): boolean {
    const { kind } = this.place.vm;
    return this.status === 'waiting' && !this.keeping && (kind === 'saved' || kind === 'stored');
  }

  /** The store has it as it is. */
  get isInStore(): boolean {
    return this.kept?.isSaved === true;
  }

  /** It waits with something that it could do without. */
  get mayRest(): boolean {
    const { kind } = this.place.vm;
    if (this.status !== 'waiting' || this.keeping || this.isToBeSaved) return false;
    return kind === 'moving' || (kind === 'saved' && this.isInStore);
  }

  /** Lets go of all that the store has. */
  sleep(): void {
    if (this.place.vm.kind === 'moving') this.slept();
    this.put(inStore(this.place.paid));
  }

  /** Is again what the store has had; an answer may have come meanwhile. */
  wake({ vm, progress, answer }: Omit<Place, 'paid'>): void {
    this.put({ vm, progress, paid: this.place.paid, answer });
    this.answer ??= answer;
  }

  private slept(): void {
    this.stats = { ...this.stats, sleeps: this.stats.sleeps + 1 };
  }

  /** Aborted once the job has ended, or will not take an answer any more. */
  get signal(): AbortSignal {
    this.over ??= new AbortController();
    return this.over.signal;
  }

  /** Lets go of the VM and all that served it: a job may be held long after it has ended. */
  forget(): void {
    this.over?.abort();
    this.put(nowhere);
    this.answer = undefined;
    this.services = noServices;
    this.waited();
  }

  /** It is there, and nothing is left of where it was before. */
  private put(place: Place): void {
    this.place = place;
    this.checkpoint = place;
    this.series = undefined;
    this.weight = undefined;
    this.sinceCheckpoint = 0;
  }

  /** The guest waits no longer. */
  waited(): void {
    this.wakesAt = undefined;
    const { giveUp } = this;
    this.giveUp = undefined;
    giveUp?.();
  }

  /** Whether what the guest waits for has not come yet. */
  get isWaiting(): boolean {
    return this.call !== undefined || (this.wakesAt !== undefined && this.wakesAt > clock());
  }

  /** Its next slice is to save it. */
  get isToBeSaved(): boolean {
    return this.stop !== undefined || this.forking !== undefined || this.resting;
  }

  get ended(): boolean {
    return !['queued', 'running', 'waiting'].includes(this.status);
  }

  private get fuelLeft(): number {
    return Math.max(0, this.spec.fuel - this.place.paid);
  }

  get outOfFuel(): boolean {
    return this.fuelLeft === 0;
  }

  /** What goes with the order and is gone here from then on. */
  get transfer(): readonly ArrayBuffer[] {
    return this.place.vm.kind === 'moving' && !this.warm ? this.place.vm.transfer : [];
  }

  /** The order for the next slice. */
  order({ warm, ...part }: ThreadPart, sliceMs: number): Order {
    const { program, wasi, host, limits, engine } = this.spec;
    const { vm, progress } = this.place;
    const { answer } = this;
    if (vm.kind === 'stored') throw new CrashError('a job was sent off that is in the store');
    const services = [...this.services.keys()];
    this.warm = warm;
    return {
      ...part,
      job: this.id,
      vm: warm ? { kind: 'warm' } : vm,
      isBrief: this.isBrief && this.mayStay,
      progress: { next: progress.next, state: progress.state },
      program,
      wasi: wasi && { ...wasi, given: vm.kind === 'new' ? wasi.given : undefined },
      host,
      services,
      limits,
      engine,
      answer,
      mostOutput: this.mostOutput,
      times: this.times,
      task: this.task(sliceMs),
      sentAt: clock(),
    };
  }

  /** What jobs are known by that begin as it does; undefined once it has. */
  get beginsWith(): string | undefined {
    const { vm, progress } = this.place;
    if (vm.kind !== 'new') return undefined;
    const { modules, engine, program } = this.spec;
    this.knownAs ??= callId(modules[0]?.hash, engine, progress instanceof PlainStart ? progress.name : (program ?? ''));
    return this.knownAs;
  }

  /** The same, where it can begin together with others: where nothing but its fuel bounds its first slice. */
  get short(): string | undefined {
    const isPlain = this.place.progress instanceof PlainStart;
    return isPlain && this.mayBeShort && !this.isToBeSaved ? this.beginsWith : undefined;
  }

  /** What its modules are known by, where it is under way and others may go on with it in one message. */
  get goesOn(): string | undefined {
    const { vm } = this.place;
    if (vm.kind !== 'moving' || !this.mayBeShort || this.isToBeSaved) return undefined;
    const { modules } = this.spec;
    return modules.length === 1 ? modules[0]?.hash : undefined;
  }

  private get mayBeShort(): boolean {
    const { host, deadline, affinity, onCrash, key } = this.spec;
    const isBound = this.mostOutput !== undefined || host !== undefined || deadline !== undefined || key !== undefined;
    return !isBound && affinity === 'keep' && onCrash === 'fail';
  }

  /** What it is in a batch. */
  batched(): BatchedJob {
    const { limits, engine } = this.spec;
    const { name, args } = this.place.progress as PlainStart;
    this.warm = false;
    this.saving = false;
    const fuel = Math.min(this.spec.sliceFuel ?? this.fuel, this.fuelLeft);
    return {
      ...{ job: this.id, name, args, fuel },
      ...(Object.keys(limits).length === 0 ? {} : { limits }),
      ...(engine === undefined ? {} : { engine }),
      ...(this.services.size === 0 ? {} : { services: [...this.services.keys()] }),
    };
  }

  /** A part of the overtime is for coming to rest, most of what is left for saving, and the rest for the way back. */
  private get times(): Order['times'] {
    const { deadline, overtime } = this.spec;
    if (deadline === undefined) return undefined;
    const over = clock() - this.age + deadline;
    return { run: over + overtime / 4, save: over + overtime * 0.6 };
  }

  private task(sliceMs: number): Order['task'] {
    this.saving = this.isToBeSaved;
    if (this.saving) return { kind: 'save' };
    const { sliceFuel, onCrash, checkpointEvery } = this.spec;
    const fuel = Math.min(sliceFuel ?? this.fuel, this.fuelLeft);
    if (this.kept !== undefined) return { kind: 'run', ...this.kept.plan(fuel, this.place.paid), more: 0, sliceMs };
    const isDue = onCrash === 'retry' && this.sinceCheckpoint + 1 >= checkpointEvery;
    const checkpoint = isDue ? 'always' : 'never';
    return {
      kind: 'run',
      fuel,
      checkpoint,
      last: this.series?.last,
      more: this.mayStay ? this.fuelLeft - fuel : 0,
      sliceMs,
    };
  }

  /** Whether a slice may go on while nobody waits for its thread: where nothing depends on how long slices are. */
  private get mayStay(): boolean {
    const { sliceFuel, affinity, onCrash } = this.spec;
    return sliceFuel === undefined && affinity === 'keep' && onCrash === 'fail';
  }

  /** The job as it was resumed, where nothing of it has run since. */
  get untouched(): JobSnapshot | undefined {
    const { vm, progress, answer } = this.place;
    if (vm.kind !== 'saved' || this.stats.slices > 0 || this.status === 'running') return undefined;
    return new JobSnapshot(wholeOf(vm), progress, vm.foreign, this.identity, answer, this.spec);
  }

  /** What it ends with, stopped as it was. */
  stopError(snapshot: JobSnapshot | undefined, options?: ErrorOptions): Error {
    const { stop, spec } = this;
    if (stop?.kind !== 'limit') return new SuspendedError(snapshot as JobSnapshot, { cause: stop?.cause });
    return new JobLimitError(stop.limit, spec[stop.limit] as number, snapshot, options);
  }

  /** Tells `onProgress`, in a task of its own: what that throws harms nobody, and is told once. */
  tell(): void {
    const { stats } = this;
    const { onProgress } = this.spec;
    if (onProgress === undefined) return;
    void Promise.resolve()
      .then(() => onProgress(stats))
      .catch((error: unknown) => {
        if (!this.warned)
          process.emitWarning(`onProgress of job ${this.id} threw ${toldThrown(error)}`, 'WasboxWarning');
        this.warned = true;
      });
  }

  /** The job as it was saved. */
  snapshotOf({ bytes, progress }: SliceEnd & { readonly kind: 'saved' }): JobSnapshot {
    return new JobSnapshot(bytes, progress, false, this.identity, this.answer, this.spec);
  }

  /** It goes on as it was saved, and waits for what it waited for. */
  goOn({ bytes, progress }: SliceEnd & { readonly kind: 'saved' }): void {
    if (this.resting) this.slept();
    this.put({ ...this.place, vm: { kind: 'saved', bytes, foreign: false }, progress, answer: this.answer });
  }

  /** Takes down what a slice did. `before` is the thread of the slice before. */
  took(
    { end, report }: Pick<Reply, 'report'> & { readonly end: SliceEnd | Over },
    thread: ThreadId,
    before: ThreadId | undefined,
    sliceMs: number,
  ): void {
    if (this.saving) return;
    this.answer = undefined;
    const moving = this.place.vm.kind === 'moving';
    const checkpoint = 'checkpoint' in end && end.checkpoint !== undefined;
    const suspended = ['rested', 'called', 'waits', 'saved'].includes(end.kind);
    this.stats = addSlice(this.stats, {
      ...{ report, thread, suspended, checkpoint },
      before: moving ? before : undefined,
      repliedAt: clock(),
    });
    if ('vm' in end) this.returned(end, this.place.paid + report.paid);
    this.fuel = nextFuel(this.fuel, report.charged, report.guestMs, sliceMs);
  }

  private returned(end: SliceEnd & { kind: 'rested' | 'called' | 'waits' }, paid: number): void {
    const { vm, progress, checkpoint } = end;
    this.place = { vm, progress, paid, answer: undefined };
    this.weight = weightOf(sharedBytes(vm), this.weight);
    this.sinceCheckpoint++;
    if (checkpoint === undefined || this.kept !== undefined) return;
    this.series = Series.after(this.series, checkpoint);
    this.checkpoint = { vm: vmAt(checkpoint, this.checkpoint.vm), progress, paid, answer: undefined };
    this.sinceCheckpoint = 0;
  }

  /** Its thread has died. */
  crashed(): void {
    this.readers?.tell({ type: 'crashed', thread: this.lastThread as ThreadId });
    this.stats = { ...this.stats, crashes: this.stats.crashes + 1 };
  }

  /** Its thread has died: true where it can go on from the last checkpoint, as it then does. */
  revive(): boolean {
    const { crashes } = this.stats;
    this.crashed();
    if (this.spec.onCrash === 'fail' || crashes >= this.spec.retries) return false;
    this.place = this.checkpoint;
    this.answer = this.place.answer;
    this.sinceCheckpoint = 0;
    return true;
  }
}
