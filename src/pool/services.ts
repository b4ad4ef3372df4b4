// Services: objects that answer host calls from outside the job's thread. One is an object on the main thread, a
// Comlink remote of an object elsewhere, or the port or worker behind which such an object is exposed. While a guest
// waits for one, its thread runs other jobs. Who waits for what is pool.ts's business.

import { type MessagePort, MessagePort as MessagePortClass, Worker } from 'node:worker_threads';
import * as Comlink from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import type { ModuleSyntax } from '../binary/module.ts';
import { HostError, LinkError } from '../spec/errors.ts';
import { cut, quoted } from '../spec/told.ts';
import { deferred } from './deferred.ts';

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

/** A service that is ready to be called. */
export class BoundService {
  /** How to end each call that has no answer yet. */
  private readonly unanswered = new Set<(error: Error) => void>();
  private gone: Error | undefined;

  private constructor(
    private readonly target: object,
    /** Where calls go through; held open only while there are any. */
    private readonly port?: MessagePort | Worker,
  ) {
    port?.unref();
    port?.once(port instanceof Worker ? 'exit' : 'close', () => this.lose());
  }

  static bind(service: Service): BoundService {
    if (service instanceof Worker) return new BoundService(Comlink.wrap<object>(nodeEndpoint(service)), service);
    if (service instanceof MessagePortClass)
      return new BoundService(Comlink.wrap<object>(service as unknown as Comlink.Endpoint), service);
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

  /** Calls a method. Rejects with what it threw, or with HostError where no answer came. */
  async call(name: string, args: readonly unknown[], call: ServiceCall, timeout: number | undefined): Promise<unknown> {
    if (this.gone !== undefined) throw this.gone;
    const { promise, reject } = deferred<never>();
    const timer = timeout === undefined ? undefined : setTimeout(() => reject(late(name, timeout)), timeout);
    this.enter(reject);
    try {
      return await Promise.race([this.invoke(name, args, call), promise]);
    } finally {
      clearTimeout(timer);
      this.leave(reject);
    }
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
    this.gone = new HostError('the thread of the service has gone');
    for (const reject of this.unanswered) reject(this.gone);
  }

  /** Lets go of the port that was opened for the service, if any. */
  release(): void {
    if (this.port !== undefined) (this.target as Comlink.Remote<object>)[Comlink.releaseProxy]();
  }
}

const late = (name: string, timeout: number): HostError =>
  new HostError(`the service did not answer ${cut(name)} within ${timeout} ms`);

/** Throws LinkError where an import names a method that its service does not have. */
export function checkServices(syntax: ModuleSyntax, services: ReadonlyMap<string, BoundService>): void {
  for (const { module, name, desc } of syntax.imports) {
    const service = services.get(module);
    if (service !== undefined && desc.kind === 'func' && !service.has(name))
      throw new LinkError(`import ${cut(module)}.${cut(name)}: the service ${quoted(module)} has no such method`);
  }
}
