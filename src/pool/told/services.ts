// Services: objects that answer host calls from outside the job's thread. One is an object on the main thread, a
// Comlink remote of an object elsewhere, or the port or worker behind which such an object is exposed. While a guest
// waits for one, its thread runs other jobs. Who waits for what is life.ts's business.

import { type MessagePort, MessagePort as MessagePortClass, Worker } from 'node:worker_threads';
import * as Comlink from 'comlink';
import type { Import } from '../../binary/module.ts';
import { HostError, LinkError } from '../../spec/errors.ts';
import { cut, quoted } from '../../spec/told.ts';
import { deferred } from '../line/deferred.ts';
import { Line } from '../line/line.ts';

/**
 * Each method answers the import of its name; it may return a promise. After the guest's arguments it gets one more: a
 * ServiceCall, or behind Comlink a copy of it without the signal.
 */
export type Service = object | MessagePort | Worker;

/** Which call it is. The pair of `job` and `id` is the same when a call has to be made again, and for no other call. */
export interface ServiceCall {
  /** The job's identity, wherever it has been resumed. */
  readonly job: string;
  /** Counts the calls of the job that had to wait, from 1. */
  readonly id: number;
  /** Aborted once the job has ended, been suspended or given up: nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

/** Remotes of Comlink are functions. */
export const isService = (value: unknown): value is Service => Object(value) === value;

type Methods = Readonly<Record<string, (...args: unknown[]) => unknown>>;

/** A call that is under way. */
export interface Asked {
  /** Rejects with what the service threw, or with HostError where no answer came. */
  readonly answer: Promise<unknown>;
  /** Nobody waits for the answer any more: it is not kept, nor does it keep a port open. */
  giveUp(): void;
}

/** Ports that are closed, and threads that have ended. */
const lost = new WeakSet<Service>();
const goneError = (): HostError => new HostError('the thread of the service has gone');

/** A service that is ready to be called. */
export class BoundService {
  /** How to end each call that has no answer yet. */
  private readonly unanswered = new Set<(error: Error) => void>();
  private gone: Error | undefined;

  private constructor(
    private readonly target: object,
    /** Where calls go through; held open only while there are any. */
    private readonly port?: MessagePort | Worker,
    private readonly line?: Line,
    private readonly onLost?: () => void,
  ) {
    if (port !== undefined && lost.has(port)) this.gone = goneError();
    port?.unref();
    port?.once(port instanceof Worker ? 'exit' : 'close', () => this.lose());
  }

  /** Whether calls go through an open port, which has to be bound once. */
  get hasPort(): boolean {
    return this.port !== undefined && this.gone === undefined;
  }

  private static behind(port: MessagePort | Worker, onLost: () => void): BoundService {
    const line = new Line(port);
    return new BoundService(Comlink.wrap<object>(line), port, line, onLost);
  }

  /** `onLost`: the port was closed, or its thread is gone. */
  static bind(service: Service, onLost: () => void): BoundService {
    if (service instanceof Worker || service instanceof MessagePortClass) return BoundService.behind(service, onLost);
    return new BoundService(service);
  }

  /**
   * Names come from guests: only methods that somebody wrote count, never what every object or function inherits.
   * A remote object is asked when it is called.
   */
  has(name: string): boolean {
    if (typeof this.target === 'function') return !(name in Function.prototype);
    if (name === 'constructor') return false;
    for (let at: object | null = this.target; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at))
      if (Object.hasOwn(at, name)) return typeof (this.target as Methods)[name] === 'function';
    return false;
  }

  /** Calls a method. */
  call(name: string, args: readonly unknown[], which: ServiceCall, timeout: number | undefined): Asked {
    const { promise: answer, resolve, reject } = deferred<unknown>();
    if (this.gone !== undefined) {
      reject(this.gone);
      return { answer, giveUp: () => {} };
    }
    const timer = timeout === undefined ? undefined : setTimeout(() => giveUp(late(name, timeout)), timeout);
    let isOver = false;
    const end = () => {
      isOver = true;
      clearTimeout(timer);
      this.leave(reject);
    };
    answer.then(end, end);
    this.enter(reject);
    const made = this.sent(() => this.invoke(name, args, which).then(resolve, reject));
    const giveUp = (error?: HostError) => {
      if (isOver) return;
      reject(error ?? abandoned(name));
      if (made !== undefined) this.line?.forget(made);
    };
    return { answer, giveUp };
  }

  /** The number of the call that went through the port when something was done, if one did. */
  private sent(act: () => void): string | undefined {
    if (this.line !== undefined) this.line.lastCall = undefined;
    act();
    return this.line?.lastCall;
  }

  private async invoke(name: string, args: readonly unknown[], { job, id, signal }: ServiceCall): Promise<unknown> {
    if (!this.has(name)) throw new HostError(`the service has no method ${quoted(name)}`);
    // A signal cannot be sent.
    const call = typeof this.target === 'function' ? { job, id } : { job, id, signal };
    return (this.target as Methods)[name]?.(...args, call);
  }

  private enter(reject: (error: Error) => void): void {
    if (this.unanswered.size === 0) this.port?.ref();
    this.unanswered.add(reject);
  }

  private leave(reject: (error: Error) => void): void {
    this.unanswered.delete(reject);
    if (this.unanswered.size === 0) this.port?.unref();
  }

  /** Comlink never settles the calls to a thread that is gone. */
  private lose(): void {
    this.gone = goneError();
    lost.add(this.port as MessagePort | Worker);
    for (const reject of this.unanswered) reject(this.gone);
    this.onLost?.();
  }

  /** Lets go of the port that was opened for the service, if any. */
  release(): void {
    if (this.port !== undefined) (this.target as Comlink.Remote<object>)[Comlink.releaseProxy]();
  }
}

const abandoned = (name: string): HostError => new HostError(`nobody waits for the answer of ${cut(name)} any more`);

const late = (name: string, timeout: number): HostError =>
  new HostError(`the service did not answer ${cut(name)} within ${timeout} ms`);

/** Throws LinkError where an import names a method that its service does not have. */
export function checkServices(imports: readonly Import[], services: ReadonlyMap<string, BoundService>): void {
  for (const { module, name, desc } of imports) {
    const service = services.get(module);
    if (service !== undefined && desc.kind === 'func' && !service.has(name))
      throw new LinkError(`import ${cut(module)}.${cut(name)}: the service ${quoted(module)} has no such method`);
  }
}
