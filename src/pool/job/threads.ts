// The threads: a Piscina whose tasks are slices, each sent to the thread that the scheduler chose. Keeps the books of
// what each thread holds. Which job runs where is scheduler.ts's decision; what dies with a thread is life.ts's concern.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import { Piscina, queueOptionsSymbol } from 'piscina';
import type { CompiledCode } from '../../rewrite/module/module.ts';
import { isA } from '../../spec/told.ts';
import { bounds, codeCost, moduleCost } from '../line/bounds.ts';
import { Shelf } from '../line/shelf.ts';
import type { ThreadId } from '../line/ticket.ts';
import type { BatchOrder, BatchReply } from '../told/batch.ts';
import type { GroupReply, GroupTask } from '../told/group.ts';
import type { Carried } from '../told/module-bytes.ts';
import { sharedWhereLong } from '../told/parcel.ts';
import {
  type CodeParcel,
  holds,
  loadedAt,
  loadedWords,
  type ModuleParcel,
  type Order,
  type ProgramReply,
  type ProgramTask,
  pauses,
  type Reply,
  stages,
  type Tidy,
  type WorkerData,
} from '../told/protocol.ts';
import type { TogetherOrder, TogetherReply } from '../told/together.ts';

export interface ThreadOptions {
  readonly threads: number;
  /** Node's options for the threads; by default those of the process. */
  readonly execArgv: string[] | undefined;
  /** V8's limits for each thread's own heap, as for `new Worker`. */
  readonly resourceLimits: object | undefined;
  /** A shared word: non-zero while a job waits for a thread. */
  readonly crowded: Int32Array;
  readonly cache: string | undefined;
}

export interface ThreadEvents {
  /** A thread is ready for its first slice. */
  born(thread: ThreadId): void;
  /** A thread is gone. What ran on it is told by `run`. */
  died(thread: ThreadId): void;
  /** No thread is left, and none will come. */
  extinct(cause: Error): void;
}

interface Thread {
  readonly id: ThreadId;
  readonly worker: Worker;
  /** Its word in the pause flags. */
  readonly slot: number;
  /** Hashes of the modules that it holds. */
  readonly modules: Shelf<string>;
  /** Those of them whose native code it holds. */
  readonly codes: Set<string>;
  /** Jobs whose VMs it keeps as they are; and such as it keeps for nothing. */
  readonly warm: Shelf<number>;
  readonly cold: number[];
  /** Jobs of which it keeps what they were saved as last, for the next time. */
  readonly saved: Set<number>;
}

/** The thread died; had it begun with the order, and of a batch, with which of its jobs last? */
export interface Lost {
  readonly lost: unknown;
  readonly begun: boolean;
  readonly at: number;
}

/** The part of an order that depends on the thread. `warm`: it has kept the job's VM. */
export type ThreadPart = Pick<Order, 'slot' | 'modules' | 'forget' | 'keep' | 'drop'> & { readonly warm: boolean };

/** Native code may use two fifths of it (rewrite/run/native.ts): as much as all frames take that a VM may have by default. */
const stackSizeMb = 32;

/** A source file's worker is a source file, a compiled one's a compiled one. */
const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
const entry = new URL(`../../../workers/slice.${extension}`, import.meta.url).href;

/** What Piscina shows of a worker; the worker itself is behind a symbol. */
type WorkerView = object & { readonly id: ThreadId };

/**
 * Piscina (5.3.2) makes a view of each worker anew for each task, and V8 lets go of objects with getters in its full
 * collections only: 600 bytes a job that stay for minutes. So each worker is given the first one for good.
 */
function keepView(view: WorkerView): void {
  for (const symbol of Object.getOwnPropertySymbols(view)) {
    const worker: unknown = Reflect.get(view, symbol);
    if (isA(worker, Object) && Reflect.get(worker, 'interface') !== undefined)
      Object.defineProperty(worker, 'interface', { value: view });
  }
}

/** A thread holds its word while it packs some hundred KiB. */
const mostHeldMs = 2000;
/** So long it may take a thread to load what it runs until it is ended meanwhile: one that cannot load it dies. */
const mostLoadMs = 10_000;

const wanted = (task: unknown): ThreadId =>
  (task as Record<symbol, { thread: ThreadId }>)[queueOptionsSymbol]?.thread ?? -1;

export class Threads {
  private readonly threads = new Map<ThreadId, Thread>();
  private readonly pause: Int32Array;
  private readonly stage: Int32Array;
  private readonly hold: Int32Array;
  private readonly at: Int32Array;
  private readonly loaded = new Int32Array(new SharedArrayBuffer(4 * loadedWords));
  /** Native code by the module's hash, as some thread has made it. */
  private readonly codes = new Map<string, CompiledCode>();
  private readonly codeCosts = new Shelf<string>();
  private readonly piscina: Piscina;
  private ending = false;
  private lastError = new Error('no thread could be started');

  constructor(
    options: ThreadOptions,
    private readonly events: ThreadEvents,
  ) {
    this.pause = new Int32Array(new SharedArrayBuffer(4 * options.threads));
    this.stage = new Int32Array(new SharedArrayBuffer(4 * options.threads));
    this.hold = new Int32Array(new SharedArrayBuffer(4 * options.threads));
    this.at = new Int32Array(new SharedArrayBuffer(4 * options.threads));
    const workerData: WorkerData = {
      pause: this.pause,
      stage: this.stage,
      hold: this.hold,
      at: this.at,
      crowded: options.crowded,
      loaded: this.loaded,
      cache: options.cache,
    };
    this.piscina = new Piscina({
      filename: entry,
      minThreads: options.threads,
      maxThreads: options.threads,
      concurrentTasksPerWorker: 1,
      // Any other way to wait keeps the thread in one endless task, at whose end V8 would let go of what weak references held.
      atomics: 'disabled',
      recordTiming: false,
      workerHistogram: false,
      workerData,
      loadBalancer: (task, workers) => workers.find((worker) => worker.id === wanted(task)) ?? null,
      ...(options.execArgv === undefined ? {} : { execArgv: options.execArgv }),
      resourceLimits: { stackSizeMb, ...options.resourceLimits },
    });
    this.piscina.on('error', (error: Error) => {
      this.lastError = error;
      queueMicrotask(() => this.count());
    });
    // The first workers can be given tasks at once; later ones are in Piscina's list before they can.
    this.piscina.on('workerCreate', (view: WorkerView) => {
      keepView(view);
      this.add(view.id);
    });
    // A lost worker is still in Piscina's list while it tells.
    this.piscina.on('workerDestroy', () => queueMicrotask(() => this.count()));
    for (const worker of this.piscina.threads) this.add(worker.threadId);
  }

  get ids(): ThreadId[] {
    return [...this.threads.keys()];
  }

  has(id: ThreadId): boolean {
    return this.threads.has(id);
  }

  private add(id: ThreadId): void {
    const worker = this.piscina.threads.find((candidate) => candidate.threadId === id);
    if (worker === undefined || this.threads.has(id)) return;
    const slots = [...this.threads.values()].map((thread) => thread.slot);
    const slot = this.pause.findIndex((_, i) => !slots.includes(i));
    Atomics.store(this.hold, slot, holds.free);
    this.threads.set(id, {
      id,
      worker,
      slot,
      modules: new Shelf(),
      codes: new Set(),
      warm: new Shelf(),
      cold: [],
      saved: new Set(),
    });
    this.events.born(id);
  }

  /** Forgets the threads that Piscina has lost. */
  private count(): void {
    const workers = this.piscina.threads;
    for (const thread of this.threads.values())
      if (!workers.includes(thread.worker)) {
        this.threads.delete(thread.id);
        this.events.died(thread.id);
      }
    if (workers.length === 0 && !this.ending) this.events.extinct(this.lastError);
  }

  /** What the thread needs to be told about modules, which it then has, and about the job's VM, which it takes up. */
  partFor(id: ThreadId, modules: readonly Carried[], job: number, mayKeep: boolean): ThreadPart {
    const thread = this.threads.get(id) as Thread;
    const warm = thread.warm.delete(job);
    const keep = mayKeep || this.threads.size === 1;
    return { ...this.modulesFor(thread, modules), warm, keep, drop: thread.cold.splice(0) };
  }

  private modulesFor(thread: Thread, modules: readonly Carried[]): Pick<Order, 'slot' | 'modules' | 'forget'> {
    const parcels = modules.map((module) => parcelFor(thread, module, this.codes.get(module.hash)));
    const forget = thread.modules.shed(bounds.threadModules, { spared: modules.length });
    for (const hash of forget) thread.codes.delete(hash);
    return { slot: thread.slot, modules: parcels, forget };
  }

  /** The thread has kept a job's VM, of so many bytes besides its memories. */
  kept(id: ThreadId, job: number, bytes: number): void {
    const thread = this.threads.get(id);
    if (thread === undefined) return;
    thread.warm.put(job, bytes);
    thread.cold.push(...thread.warm.shed(bounds.warmVms, { mostCount: bounds.warmCount }));
  }

  /** Whether the thread has kept a job's VM. */
  isWarm(id: ThreadId, job: number): boolean {
    return this.threads.get(id)?.warm.has(job) === true;
  }

  /** The thread has saved a job, and keeps that for the next time; what others kept of it is of no use any more. */
  saved(id: ThreadId, job: number): void {
    for (const thread of this.threads.values())
      if (thread.id === id) {
        thread.saved.add(job);
        // What it was to drop it keeps anew.
        const at = thread.cold.indexOf(job);
        if (at >= 0) thread.cold.splice(at, 1);
      } else if (thread.saved.delete(job)) thread.cold.push(job);
  }

  /** The job is over: whatever threads have kept for it is of no use any more. */
  forget(job: number): void {
    for (const thread of this.threads.values()) {
      const kept = [thread.warm.delete(job), thread.saved.delete(job)];
      if (kept.includes(true)) thread.cold.push(job);
    }
  }

  /** What the thread has kept for a job is of no use any more. */
  cool(id: ThreadId | undefined, job: number): void {
    const thread = this.threads.get(id ?? -1);
    if (thread?.warm.delete(job)) thread.cold.push(job);
  }

  /** The thread has compiled some of the modules, which others then need not. */
  compiled(id: ThreadId, parcels: readonly CodeParcel[], modules: readonly Carried[]): void {
    const thread = this.threads.get(id);
    for (const { hash, code } of parcels) {
      const module = modules.find((one) => one.hash === hash);
      thread?.codes.add(hash);
      if (module !== undefined) thread?.modules.put(hash, costOf(module, code));
      this.codes.set(hash, code);
      this.codeCosts.put(hash, costOfCode(code));
    }
    for (const hash of this.codeCosts.shed(bounds.mainCode)) this.codes.delete(hash);
  }

  /** Threads that keep something for nothing. */
  *untidy(): Iterable<ThreadId> {
    for (const { id, cold } of this.threads.values()) if (cold.length > 0) yield id;
  }

  /** Has an idle thread drop what it keeps for nothing. Never rejects. */
  async tidy(id: ThreadId): Promise<void> {
    const thread = this.threads.get(id) as Thread;
    const task: Tidy & object = { kind: 'tidy', drop: thread.cold.splice(0) };
    await this.piscina.run({ ...task, [queueOptionsSymbol]: { thread: id } }).catch(() => {});
  }

  /** Runs one slice on the thread. Never rejects. */
  run(id: ThreadId, order: Order, transferList: readonly ArrayBuffer[]): Promise<Reply | Lost> {
    return this.send(id, order, transferList);
  }

  /** Runs first slices of jobs of one module. Never rejects. */
  runBatch(id: ThreadId, order: BatchOrder): Promise<BatchReply | Lost> {
    return this.send(id, order, []);
  }

  /** Runs slices of several jobs that are under way. Never rejects. */
  runTogether(id: ThreadId, order: TogetherOrder): Promise<TogetherReply | Lost> {
    return this.send(id, order, []);
  }

  /** Runs one slice of a JavaScript program. Never rejects. */
  runProgram(id: ThreadId, order: Pick<ProgramTask, 'order' | 'isAsked'>): Promise<ProgramReply | Lost> {
    const { slot } = this.threads.get(id) as Thread;
    return this.send(id, { kind: 'program', slot, ...order }, []);
  }

  /** Runs one slice of a group of VMs. Never rejects. */
  async runGroup(
    id: ThreadId,
    task: Omit<GroupTask, 'kind' | 'slot' | 'modules' | 'forget' | 'drop'>,
    modules: readonly Carried[],
  ): Promise<GroupReply | Lost> {
    const thread = this.threads.get(id) as Thread;
    const drop = thread.cold.splice(0);
    const order = { kind: 'group', ...this.modulesFor(thread, modules), drop, ...task } satisfies GroupTask;
    const reply = await this.send<GroupReply>(id, order, []);
    if (!('lost' in reply)) this.compiled(id, reply.compiled, modules);
    return reply;
  }

  private async send<T>(id: ThreadId, order: object, transferList: readonly ArrayBuffer[]): Promise<T | Lost> {
    const thread = this.threads.get(id) as Thread;
    Atomics.store(this.pause, thread.slot, pauses.none);
    Atomics.store(this.stage, thread.slot, stages.sent);
    const task = { ...order, [queueOptionsSymbol]: { thread: id } };
    try {
      return await this.piscina.run(task, { transferList: [...transferList] as never[] });
    } catch (lost) {
      // A thread that lives on has refused the order, which another one would do, too.
      const begun = this.threads.has(id) || Atomics.load(this.stage, thread.slot) !== stages.sent;
      return { lost, begun, at: Atomics.load(this.at, thread.slot) };
    }
  }

  /** Asks the slice that runs on the thread to stop. */
  interrupt(id: ThreadId, pause: 'save' | 'drop'): void {
    const thread = this.threads.get(id);
    if (thread !== undefined) Atomics.store(this.pause, thread.slot, pauses[pause]);
  }

  /** Asks the slice that runs on the thread to rest, if it is not asked for anything else. */
  rest(id: ThreadId): void {
    const thread = this.threads.get(id);
    if (thread !== undefined) Atomics.compareExchange(this.pause, thread.slot, pauses.none, pauses.yield);
  }

  /** Asks some slice to make room, that on `preferred` if it is not asked for anything else. */
  makeRoom(preferred: ThreadId | undefined): void {
    const first = this.threads.get(preferred ?? -1);
    for (const thread of [...(first === undefined ? [] : [first]), ...this.threads.values()])
      if (Atomics.compareExchange(this.pause, thread.slot, pauses.none, pauses.yield) === pauses.none) return;
  }

  /** How far the thread is with the slice that it was last sent. */
  stageOf(id: ThreadId): number {
    const thread = this.threads.get(id);
    return thread === undefined ? stages.sent : Atomics.load(this.stage, thread.slot);
  }

  /** Ends a thread that does not stop. Another one takes its place. */
  kill(id: ThreadId): void {
    const thread = this.threads.get(id);
    if (thread === undefined) return;
    if (this.mayEnd(thread)) void thread.worker.terminate();
    else void this.letGo(thread).then(() => thread.worker.terminate());
  }

  /** Whether a thread can be ended now; it holds nothing from now on where it does not already. */
  private mayEnd({ slot }: Thread): boolean {
    return Atomics.compareExchange(this.hold, slot, holds.free, holds.ending) !== holds.held;
  }

  /** Until a thread can be ended, which is some milliseconds at the most. */
  private async letGo(thread: Thread): Promise<void> {
    for (let waited = 0; waited < mostHeldMs && !this.mayEnd(thread); waited++) await sleep(1);
  }

  /**
   * Until all threads have loaded what they run. Node 20 ends its whole process where a thread is ended while it does
   * ("Module::IsGraphAsync must be used on an instantiated module", in `require` of an ES module), or has just run it to its end.
   */
  private async allLoaded(): Promise<void> {
    const isLoading = ({ threadId }: { readonly threadId: number }) =>
      threadId >= 0 && Atomics.load(this.loaded, loadedAt(threadId)) !== threadId;
    for (let waited = 0; waited < mostLoadMs && this.piscina.threads.some(isLoading); waited++) await sleep(1);
  }

  /** Ends all threads; what runs is rejected. */
  async end(): Promise<void> {
    this.ending = true;
    await this.allLoaded();
    await Promise.all([...this.threads.values()].map((thread) => this.letGo(thread)));
    await this.piscina.destroy();
  }
}

const costOfCode = (code: CompiledCode): number =>
  [...code.values()].reduce((sum, { size }) => sum + codeCost(size), 0);

const costOf = ({ bytes }: Carried, code: CompiledCode | undefined): number =>
  moduleCost(bytes.length) + (code === undefined ? 0 : costOfCode(code));

/** Bytes on shared memory are the same for all threads: those of a Module are copied there once. */
const shared = new WeakMap<Carried, Uint8Array>();

function wholeParcel(module: Carried): ModuleParcel {
  const { hash, codes } = module;
  const bytes = shared.get(module) ?? sharedWhereLong(module.bytes);
  shared.set(module, bytes);
  return codes === undefined ? { hash, bytes } : { hash, bytes, codes };
}

function parcelFor(thread: Thread, module: Carried, code: CompiledCode | undefined): ModuleParcel {
  const { hash } = module;
  const parcel = thread.modules.has(hash) ? { hash } : wholeParcel(module);
  thread.modules.put(hash, costOf(module, code));
  if (code === undefined || thread.codes.has(hash)) return parcel;
  thread.codes.add(hash);
  return { ...parcel, code };
}
