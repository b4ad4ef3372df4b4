// The threads: a Piscina whose tasks are slices, each sent to the thread that the scheduler chose. Keeps the books of
// what each thread holds. Which job runs where is scheduler.ts's decision; what dies with a thread is pool.ts's concern.

import type { Worker } from 'node:worker_threads';
import { Piscina, queueOptionsSymbol } from 'piscina';
import type { CompiledCode } from '../rewrite/module/module.ts';
import type { Carried } from './module-bytes.ts';
import {
  type CodeParcel,
  type ModuleParcel,
  type Order,
  pauses,
  type Reply,
  stages,
  type WorkerData,
} from './protocol.ts';
import type { ThreadId } from './scheduler.ts';

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
  /** Hashes of the modules that it holds, least recently used first. */
  readonly modules: Set<string>;
  /** Those of them whose native code it holds. */
  readonly codes: Set<string>;
  /** Jobs whose VMs it keeps as they are, least recently used first; and such as it keeps for nothing. */
  readonly warm: Set<number>;
  readonly cold: number[];
}

/** The thread died; had it begun with the order? */
export interface Lost {
  readonly lost: unknown;
  readonly begun: boolean;
}

/** The part of an order that depends on the thread. `warm`: it has kept the job's VM. */
export type ThreadPart = Pick<Order, 'slot' | 'modules' | 'forget' | 'keep' | 'drop'> & { readonly warm: boolean };

/** How many modules a thread holds, and how many VMs between their slices. */
const mostModules = 32;
const mostWarm = 16;

/** Native code may use two fifths of it (rewrite/run/native.ts): as much as all frames take that a VM may have by default. */
const stackSizeMb = 32;

/** A source file's worker is a source file, a compiled one's a compiled one. */
const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
const entry = new URL(`../../workers/slice.${extension}`, import.meta.url).href;

const wanted = (task: unknown): ThreadId =>
  (task as Record<symbol, { thread: ThreadId }>)[queueOptionsSymbol]?.thread ?? -1;

export class Threads {
  private readonly threads = new Map<ThreadId, Thread>();
  private readonly pause: Int32Array;
  private readonly stage: Int32Array;
  /** Native code, as some thread has made it. It lasts as long as the module. */
  private readonly codes = new WeakMap<Carried, CompiledCode>();
  private readonly piscina: Piscina;
  private ending = false;
  private lastError = new Error('no thread could be started');

  constructor(
    options: ThreadOptions,
    private readonly events: ThreadEvents,
  ) {
    this.pause = new Int32Array(new SharedArrayBuffer(4 * options.threads));
    this.stage = new Int32Array(new SharedArrayBuffer(4 * options.threads));
    const workerData: WorkerData = {
      pause: this.pause,
      stage: this.stage,
      crowded: options.crowded,
      cache: options.cache,
    };
    this.piscina = new Piscina({
      filename: entry,
      minThreads: options.threads,
      maxThreads: options.threads,
      concurrentTasksPerWorker: 1,
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
    this.piscina.on('workerCreate', ({ id }: { id: ThreadId }) => this.add(id));
    // A lost worker is still in Piscina's list while it tells.
    this.piscina.on('workerDestroy', () => queueMicrotask(() => this.count()));
    for (const worker of this.piscina.threads) this.add(worker.threadId);
  }

  get ids(): ThreadId[] {
    return [...this.threads.keys()];
  }

  private add(id: ThreadId): void {
    const worker = this.piscina.threads.find((candidate) => candidate.threadId === id);
    if (worker === undefined || this.threads.has(id)) return;
    const slots = [...this.threads.values()].map((thread) => thread.slot);
    const slot = this.pause.findIndex((_, i) => !slots.includes(i));
    this.threads.set(id, { id, worker, slot, modules: new Set(), codes: new Set(), warm: new Set(), cold: [] });
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
    const parcels = modules.map((module) => parcelFor(thread, module, this.codes.get(module)));
    const forget = [...thread.modules].slice(0, Math.max(0, thread.modules.size - mostModules));
    const dispensable = forget.filter((hash) => !modules.some((module) => module.hash === hash));
    for (const hash of dispensable) for (const held of [thread.modules, thread.codes]) held.delete(hash);
    const warm = thread.warm.delete(job);
    const keep = mayKeep || this.threads.size === 1;
    return { slot: thread.slot, modules: parcels, forget: dispensable, warm, keep, drop: thread.cold.splice(0) };
  }

  /** The thread has kept a job's VM. */
  kept(id: ThreadId, job: number): void {
    const thread = this.threads.get(id);
    if (thread === undefined) return;
    thread.warm.add(job);
    for (const oldest of [...thread.warm].slice(0, Math.max(0, thread.warm.size - mostWarm))) this.cool(id, oldest);
  }

  /** What the thread has kept for a job is of no use any more. */
  cool(id: ThreadId | undefined, job: number): void {
    const thread = this.threads.get(id ?? -1);
    if (thread?.warm.delete(job)) thread.cold.push(job);
  }

  /** The thread has compiled some of the modules, which others then need not. */
  compiled(id: ThreadId, parcels: readonly CodeParcel[], modules: readonly Carried[]): void {
    for (const { hash, code } of parcels) {
      this.threads.get(id)?.codes.add(hash);
      for (const module of modules) if (module.hash === hash) this.codes.set(module, code);
    }
  }

  /** Runs one slice on the thread. Never rejects. */
  async run(id: ThreadId, order: Order, transferList: readonly Transferable[]): Promise<Reply | Lost> {
    const thread = this.threads.get(id) as Thread;
    Atomics.store(this.pause, thread.slot, pauses.none);
    Atomics.store(this.stage, thread.slot, stages.sent);
    const task = { ...order, [queueOptionsSymbol]: { thread: id } };
    try {
      return await this.piscina.run(task, { transferList: [...transferList] as never[] });
    } catch (lost) {
      // A thread that lives on has refused the order, which another one would do, too.
      return { lost, begun: this.threads.has(id) || Atomics.load(this.stage, thread.slot) !== stages.sent };
    }
  }

  /** Asks the slice that runs on the thread to stop. */
  interrupt(id: ThreadId, pause: 'save' | 'drop'): void {
    const thread = this.threads.get(id);
    if (thread !== undefined) Atomics.store(this.pause, thread.slot, pauses[pause]);
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
    void this.threads.get(id)?.worker.terminate();
  }

  /** Ends all threads; what runs is rejected. */
  async end(): Promise<void> {
    this.ending = true;
    await this.piscina.destroy();
  }
}

function parcelFor(thread: Thread, module: Carried, code: CompiledCode | undefined): ModuleParcel {
  const { hash, bytes } = module;
  const held = thread.modules.delete(hash);
  thread.modules.add(hash);
  const parcel = held ? { hash } : { hash, bytes };
  if (code === undefined || thread.codes.has(hash)) return parcel;
  thread.codes.add(hash);
  return { ...parcel, code };
}
