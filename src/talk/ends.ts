// The host's hold of ports: it sends and receives as guests do, and gives what it has to members and along with messages.

import { UsageError } from '../spec/errors.ts';
import { aFlag, aSignal, instanceOf, listOf, optionsOf, type Signal, theOptions } from '../spec/options.ts';
import { cut, quoted } from '../spec/told.ts';
import { ClosedError } from './errors.ts';
import { mostEnds } from './members/guest.ts';
import { End, type Port, type Side, type Waiter } from './ports/port.ts';

/** What the host received. */
export interface Received {
  readonly bytes: Uint8Array;
  /** Hold of ports that came along: whoever receives has to close or to give away each. */
  readonly ports: readonly (Sender | Receiver)[];
}

/** How the host sends. */
export interface SendOptions {
  /** Given away with the message: they cannot be used here any more. At most 16. */
  readonly ports?: readonly (Sender | Receiver)[] | undefined;
  /** The bytes are taken as they are, not copied: nobody may write to them any more. */
  readonly transfer?: boolean | undefined;
  /** Gives up waiting for room: then nothing was sent. */
  readonly signal?: Signal | undefined;
}
/** How the host receives. */
export interface ReceivingOptions {
  /** Gives up waiting for a message. */
  readonly signal?: Signal | undefined;
}

abstract class HostEnd {
  /** Each has one that waits here ask once more. */
  private readonly waits = new Set<() => void>();

  /** @hidden */
  constructor(
    /** @hidden */
    protected readonly end: End,
  ) {}

  /** What the port is called. */
  get name(): string {
    return this.end.port.name;
  }

  /** Messages that are in the port. */
  get size(): number {
    return this.end.port.size;
  }

  /** Lets go of it; with a `reason` the port is closed for everybody, and they are told. Once more is no matter. */
  close(reason?: string): void {
    if (!this.end.isHeld) return;
    if (reason !== undefined) this.end.port.close(cut(String(reason)));
    this.end.release();
    this.stopWaiting();
  }

  /** Those that wait here find that it is theirs no more; what they were woken for is another's. */
  private stopWaiting(): void {
    for (const ask of this.waits) ask();
    this.end.port.passOn(this.end.side);
  }

  /** For `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** The end, which whoever asks has from now on; this object has it no more. @hidden */
  give(): End {
    this.checkHeld();
    const copy = this.end.clone();
    this.end.release();
    this.stopWaiting();
    return copy;
  }

  /** @hidden */
  checkHeld(): void {
    if (!this.end.isHeld) throw new UsageError(`the end of port ${quoted(this.name)} was closed or given away`);
  }

  /** `wake` is called once it is worth asking; what is returned ends that. @hidden */
  watch(wake: () => void): () => void {
    const { port, side } = this.end;
    const waiter: Waiter = { wake };
    port.wait(side, waiter, false);
    return () => {
      port.forget(side, waiter);
      // What it was woken for may be another's now.
      port.passOn(side);
    };
  }

  /** Until it is worth asking; `again`: it was asked in vain. Rejects with the signal's reason. */
  protected async ready(side: Side, signal: Signal | undefined, again: boolean): Promise<void> {
    const { port } = this.end;
    let over = () => {};
    try {
      await new Promise<void>((resolve, reject) => {
        const waiter: Waiter = { wake: resolve };
        const ask = () => {
          port.forget(side, waiter);
          resolve();
        };
        const stop = () => {
          // At once: nobody must be woken for a message that is not taken.
          port.forget(side, waiter);
          reject(signal?.reason);
        };
        over = () => {
          this.waits.delete(ask);
          signal?.removeEventListener('abort', stop);
        };
        port.wait(side, waiter, again);
        this.waits.add(ask);
        signal?.addEventListener('abort', stop);
        if (signal?.aborted === true) stop();
      });
    } finally {
      over();
    }
  }
}

const anEnd = instanceOf(HostEnd, 'a Sender or a Receiver');
const sendOptions = optionsOf<SendOptions>({ ports: listOf(anEnd), transfer: aFlag, signal: aSignal });
const receivingOptions = optionsOf<ReceivingOptions>({ signal: aSignal });
const someBytes = instanceOf(Uint8Array, 'given as a Uint8Array');

/** Where the host sends. */
export class Sender extends HostEnd {
  /** Another one for the same port, to be given to somebody. Throws UsageError where this one was closed. */
  clone(): Sender {
    this.checkHeld();
    return new Sender(new End(this.end.port, 'send', true));
  }

  /**
   * Sends a message, once there is room for it. Rejects with ClosedError where nobody receives any more, UsageError for
   * what never fits.
   */
  async send(bytes: Uint8Array, options: SendOptions = {}): Promise<void> {
    for (let again = false; ; again = true) {
      const isSent = this.trySend(bytes, options);
      if (again) this.end.port.passOn('send');
      if (isSent) return;
      await this.ready('send', options.signal, again);
    }
  }

  /** Sends a message if there is room for it, and tells whether there was. Throws as `send` does. */
  trySend(bytes: Uint8Array, options: SendOptions = {}): boolean {
    someBytes(bytes, 'a message');
    sendOptions(options, theOptions);
    this.checkHeld();
    const { port } = this.end;
    const { ports = [], transfer = false } = options;
    if (port.isOver('send')) throw closed(port);
    if (!port.takes(bytes.length))
      throw new UsageError(
        `a message of ${bytes.length} bytes, and port ${quoted(port.name)} holds ${port.bounds.bytes}`,
      );
    if (ports.length > mostEnds || new Set(ports).size < ports.length)
      throw new UsageError(`up to ${mostEnds} ends of ports go along with a message, each once`);
    for (const end of ports) {
      end.checkHeld();
      if (end === this) throw new UsageError('an end cannot be sent through itself');
    }
    if (!port.take(bytes.length)) return false;
    port.push({ bytes: transfer ? bytes : new Uint8Array(bytes), ends: ports.map((end) => end.give()) });
    return true;
  }
}

const closed = (port: Port): ClosedError =>
  new ClosedError(
    `port ${quoted(port.name)} is closed${port.reason === undefined ? '' : `: ${port.reason}`}`,
    port.reason,
  );

/** Where the host receives. */
export class Receiver extends HostEnd {
  /** Another one for the same port: each message goes to one of them. Throws UsageError where this one was closed. */
  clone(): Receiver {
    this.checkHeld();
    return new Receiver(new End(this.end.port, 'receive', true));
  }

  /** The next message; undefined once nobody sends any more and all was received. */
  async receive(options: ReceivingOptions = {}): Promise<Received | undefined> {
    receivingOptions(options, theOptions);
    for (let again = false; ; again = true) {
      this.checkHeld();
      const { port } = this.end;
      if (port.size > 0) return this.taken();
      if (port.isOver('receive')) return undefined;
      await this.ready('receive', options.signal, again);
    }
  }

  /** The next message if there is one now, else undefined. Throws UsageError where it was closed. */
  tryReceive(): Received | undefined {
    this.checkHeld();
    return this.end.port.size > 0 ? this.taken() : undefined;
  }

  /** Nobody sends any more, and all was received. */
  get isOver(): boolean {
    return this.end.port.isOver('receive');
  }

  private taken(): Received {
    const { bytes, ends } = this.end.port.shift();
    this.end.port.passOn('receive');
    return { bytes, ports: ends.map(hostEnd) };
  }

  /** What whoever closed the port has told. */
  get reason(): string | undefined {
    return this.end.port.reason;
  }

  /** All messages, until nobody sends any more; who leaves the loop lets go of the port. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Received, void, undefined> {
    try {
      for (let message = await this.receive(); message !== undefined; message = await this.receive()) yield message;
    } finally {
      this.close();
    }
  }
}

const hostEnd = (end: End): Sender | Receiver => {
  end.pass(true);
  return end.side === 'send' ? new Sender(end) : new Receiver(end);
};
