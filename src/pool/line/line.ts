// The way to an object behind a port, as Comlink takes it; and the means to have Comlink forget a call that nobody waits
// for any more, which it never does by itself.

import type { MessagePort, Worker } from 'node:worker_threads';
import type { Endpoint } from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';

type Listener = (event: { readonly data: unknown }) => void;

/** The place of Comlink's messages for the number of the call that they are of. */
interface Message {
  readonly id: string;
}

export class Line implements Endpoint {
  private readonly endpoint: Endpoint;
  private readonly listeners = new Set<Listener>();
  /** The call that was made last. */
  lastCall: string | undefined;

  constructor(port: MessagePort | Worker) {
    this.endpoint = nodeEndpoint(port as Worker);
  }

  postMessage(message: Message, transfer?: Transferable[]): void {
    this.lastCall = message.id;
    this.endpoint.postMessage(message, transfer);
  }

  addEventListener(type: string, listener: EventListenerOrEventListenerObject): void {
    this.listeners.add(listener as unknown as Listener);
    this.endpoint.addEventListener(type, listener);
  }

  removeEventListener(type: string, listener: EventListenerOrEventListenerObject): void {
    this.listeners.delete(listener as unknown as Listener);
    this.endpoint.removeEventListener(type, listener);
  }

  start(): void {
    this.endpoint.start?.();
  }

  /** Ends a call as if it had been answered; an answer that still comes is dropped. */
  forget(call: string): void {
    const data = { id: call, type: 'RAW', value: undefined };
    for (const listener of this.listeners) listener({ data });
  }
}
