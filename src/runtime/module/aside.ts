// Threads that decode and validate modules, where the host is Node: the thread that wants a module gets to know what bytes
// that it has are, and no more. A few for the whole process, made when they are needed and gone when they are not; none keeps
// the process alive but while it works. What a thread does is in serve.ts.

import { CrashError, hide, InvalidError, LimitError, MalformedError, WorkerError } from '../../spec/errors.ts';

/** Not constant, so that tests can have others. */
export const aside = {
  /** How many threads there may be: what each needs is several times the size of its module. */
  most: 2,
  /** So long one waits for more work, in ms. */
  idleMs: 2_000,
  /** Node's own options for them. */
  options: {},
};

/** What is known of bytes that are a valid module. */
export interface Checked {
  /** SHA-256, in hexadecimal. */
  readonly hash: string;
  /** As `codesOf` gives them (validate/module.ts). */
  readonly codes: readonly number[];
}

/** What a thread says once it has begun, and to each module. */
export type Answer =
  | { readonly kind: 'ready' }
  | ({ readonly kind: 'checked' } & Checked)
  | { readonly kind: 'failed'; readonly failure: Failure };

/** An error as plain data. */
export interface Failure {
  readonly name: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Bytes of which somebody wants to know. */
interface Task {
  readonly bytes: Uint8Array;
  /** Undefined where no thread could be started. */
  resolve(checked: Checked | undefined): void;
  reject(error: unknown): void;
}

const { process: node } = globalThis as { process?: Partial<NodeJS.Process> };
const threading = node?.getBuiltinModule?.('node:worker_threads');
type Threading = NonNullable<typeof threading>;

/** Whether there may be threads at all. */
export const hasThreads: boolean = threading !== undefined;

/** How a thread hears of bytes and answers; what it is to Node is nothing to those who know only its types. */
export interface Port {
  postMessage(answer: Answer): void;
  on(event: 'message', act: (bytes: Uint8Array) => void): unknown;
}

/** That of this thread, if it is one. */
export const ownPort = (): Port | undefined => threading?.parentPort ?? undefined;

const threads = new Set<Thread>();
const line: Task[] = [];

/** How many there are, those that are about to end included. */
export const threadCount = (): number => threads.size;

/** Work that is under way on a thread, or waits for one. */
export interface Asked {
  /**
   * Undefined where no thread can be had for it. Rejects with MalformedError, InvalidError, LimitError, and with WorkerError where
   * the thread dies.
   */
  readonly checked: Promise<Checked | undefined>;
  /** Nobody waits for it any more: the work ends, and with it its thread. Nothing happens where it has ended. */
  drop(): void;
}

/** What the bytes are, which nobody changes any more; it takes no time where they are on shared memory. */
export function ask(bytes: Uint8Array): Asked {
  let task: Task | undefined;
  const checked = new Promise<Checked | undefined>((resolve, reject) => {
    task = { bytes, resolve, reject };
  });
  line.push(task as unknown as Task);
  next();
  return { checked, drop: () => drop(task as unknown as Task) };
}

/** Gives what is first in line to a thread. */
function next(): void {
  if (line.length === 0) return;
  const idle = [...threads].find((thread) => thread.isIdle);
  if (idle !== undefined) idle.take(line.shift() as Task);
  else if (threads.size < aside.most) begin(line.shift() as Task);
}

function begin(task: Task): void {
  try {
    new Thread(task);
  } catch {
    task.resolve(undefined);
    next();
  }
}

function drop(task: Task): void {
  const at = line.indexOf(task);
  if (at >= 0) line.splice(at, 1);
  for (const thread of threads) thread.drop(task);
}

class Thread {
  private readonly worker: InstanceType<Threading['Worker']>;
  private task: Task | undefined;
  private hasBegun = false;
  private isEnding = false;
  private lastError: unknown;
  private idle: NodeJS.Timeout | undefined;

  constructor(task: Task) {
    const { Worker } = threading as Threading;
    this.worker = new Worker(entry(), { name: 'wasbox', ...optionsOfNode, ...aside.options });
    threads.add(this);
    this.worker.on('message', (answer: Answer) => this.hear(answer));
    this.worker.on('error', (error) => {
      this.lastError = error;
    });
    this.worker.on('exit', () => this.gone());
    this.take(task);
  }

  get isIdle(): boolean {
    return this.task === undefined && !this.isEnding;
  }

  take(task: Task): void {
    clearTimeout(this.idle);
    this.task = task;
    this.worker.ref();
    this.worker.postMessage(task.bytes);
  }

  drop(task: Task): void {
    if (this.task !== task) return;
    this.task = undefined;
    this.end();
  }

  private end(): void {
    this.isEnding = true;
    void this.worker.terminate();
  }

  private hear(answer: Answer): void {
    this.hasBegun = true;
    const { task } = this;
    if (answer.kind === 'ready' || task === undefined) return;
    this.rest();
    if (answer.kind === 'checked') task.resolve({ hash: answer.hash, codes: answer.codes });
    else task.reject(errorOf(answer.failure));
    next();
  }

  private rest(): void {
    this.task = undefined;
    this.worker.unref();
    this.idle = setTimeout(() => this.end(), aside.idleMs);
    this.idle.unref();
  }

  private gone(): void {
    const { task, lastError } = this;
    threads.delete(this);
    clearTimeout(this.idle);
    this.task = undefined;
    if (this.hasBegun) task?.reject(new WorkerError('the thread that compiled the module died', { cause: lastError }));
    else task?.resolve(undefined);
    next();
  }
}

/** Of this file; undefined in a script that it was bundled into. */
const { url } = import.meta as { readonly url?: string };
const isSource = url?.endsWith('.ts') === true;

/** A source file's thread is a source file, a compiled one's a compiled one. Throws where there is none. */
const entry = (): URL => new URL(`../../../workers/compile.${isSource ? 'ts' : 'js'}`, url);

/** What the process was told to load besides is of no use there; but sources are read by a loader of the process. */
const optionsOfNode = isSource ? {} : { execArgv: [] };

// Errors cross as data

export function failureOf(error: unknown): Failure {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error), fields: {} };
  return { name: error.name, message: error.message, fields: { ...error } };
}

/** What decoding and validating fail with; all else is a bug. */
const made: Readonly<Record<string, () => Error>> = {
  MalformedError: () => new MalformedError('', 0),
  InvalidError: () => new InvalidError('', 0),
  LimitError: () => new LimitError('', { limit: '' }),
};

function errorOf({ name, message, fields }: Failure): Error {
  const error = Object.hasOwn(made, name) ? (made[name] as () => Error)() : undefined;
  if (error === undefined) return new CrashError(`${name} in the thread that compiled a module: ${message}`);
  Object.assign(error, fields);
  hide(error, 'message', message);
  return error;
}
