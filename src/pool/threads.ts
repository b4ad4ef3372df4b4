// The threads: a Piscina whose tasks are slices, each sent to the thread that the scheduler chose. Keeps the books of
// what each thread holds. Which job runs where is scheduler.ts's decision; what dies with a thread is pool.ts's concern.

import type { Worker } from 'node:worker_threads';
import { Piscina, queueOptionsSymbol } from 'piscina';
import type { Module } from '../runtime/module.ts';
import { type ModuleParcel, type Order, pauses, type Reply, stages, type WorkerData } from './protocol.ts';
import type { ThreadId } from './scheduler.ts';

export interface ThreadOptions {
  readonly threads: number;
  /** Node's options for the threads; by default those of the process. */
  readonly execArgv: string[] | undefined;
  /** V8's limits for each thread's own heap, as for `new Worker`. */
  readonly resourceLimits: object | undefined;
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
}

/** The thread died; had it begun with the order? */
export interface Lost {
  readonly lost: unknown;
  readonly begun: boolean;
}

/** The part of an order that depends on the thread. */
export type ThreadPart = Pick<Order, 'slot' | 'modules' | 'forget'>;

/** How many modules a thread holds. */
const mostModules = 32;

/** A source file's worker is a source file, a compiled one's a compiled one. */
const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
const entry = new URL(`../../workers/slice.${extension}`, import.meta.url).href;

const wanted = (task: unknown): ThreadId =>
  (task as Record<symbol, { thread: ThreadId }>)[queueOptionsSymbol]?.thread ?? -1;

export class Threads {
  private readonly threads = new Map<ThreadId, Thread>();
  private readonly pause: Int32Array;
  private readonly stage: Int32Array;
  private readonly piscina: Piscina;
  private ending = false;
  private lastError = new Error('no thread could be started');

  constructor(
    options: ThreadOptions,
    private readonly events: ThreadEvents,
  ) {
    this.pause = new Int32Array(new SharedArrayBuffer(4 * options.threads));
    this.stage = new Int32Array(new SharedArrayBuffer(4 * options.threads));
    const workerData: WorkerData = { pause: this.pause, stage: this.stage };
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
      ...(options.resourceLimits === undefined ? {} : { resourceLimits: options.resourceLimits }),
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
    this.threads.set(id, { id, worker, slot, modules: new Set() });
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

  /** What the thread needs to be told about modules, which it then has. */
  partFor(id: ThreadId, modules: readonly Module[]): ThreadPart {
    const thread = this.threads.get(id) as Thread;
    const parcels = modules.map((module) => parcelFor(thread, module));
    const forget = [...thread.modules].slice(0, Math.max(0, thread.modules.size - mostModules));
    const dispensable = forget.filter((hash) => !modules.some((module) => module.hash === hash));
    for (const hash of dispensable) thread.modules.delete(hash);
    return { slot: thread.slot, modules: parcels, forget: dispensable };
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

function parcelFor(thread: Thread, module: Module): ModuleParcel {
  const { hash, bytes } = module;
  const held = thread.modules.delete(hash);
  thread.modules.add(hash);
  return held ? { hash } : { hash, bytes };
}
