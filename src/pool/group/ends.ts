// The host's hold of ports of a group on a pool. What is done through it is done in the group's next slice, in order.

import { UsageError } from '../../spec/errors.ts';
import { aSignal, instanceOf, listOf, optionsOf, theOptions } from '../../spec/options.ts';
import { cut, quoted } from '../../spec/told.ts';
import type { ReceivingOptions } from '../../talk/ends.ts';
import type { EndId } from '../told/group.ts';

/** What the host received from a group on a pool. */
export interface PoolReceived {
  readonly bytes: Uint8Array;
  /** Hold of ports that came along: whoever receives has to close or to give away each. */
  readonly ports: readonly (PoolSender | PoolReceiver)[];
}

/** How the host sends to a group on a pool. */
export interface PoolSendOptions {
  /** Given away with the message: they cannot be used here any more. At most 16. */
  readonly ports?: readonly (PoolSender | PoolReceiver)[] | undefined;
  /** Gives up waiting for room: then nothing was sent. */
  readonly signal?: AbortSignal | undefined;
}

/** What a group does for its host's ends. */
export interface GroupOfEnds {
  newEnd(): EndId;
  clone(end: EndId, as: EndId): void;
  /** Once all is sent that is to be sent through it. */
  close(end: EndId, reason: string | undefined): void;
  /** It is given away: who waits there gets nothing. */
  gave(end: EndId): void;
  isSending(end: EndId): boolean;
  send(end: EndId, bytes: Uint8Array, ends: readonly EndId[], signal: AbortSignal | undefined): Promise<void>;
  /** Rejects with the signal's reason. */
  receive(end: EndId, signal: ReceivingOptions['signal']): Promise<PoolReceived | undefined>;
}

abstract class PoolEnd {
  private isHeld = true;

  /** @hidden */
  constructor(
    /** @hidden */
    readonly group: GroupOfEnds,
    /** @hidden */
    readonly id: EndId,
    /** What the port is called. */
    readonly name: string,
  ) {}

  /** Lets go of it; with a `reason` the port is closed for everybody, and they are told. Once more is no matter. */
  close(reason?: string): void {
    if (!this.isHeld) return;
    this.isHeld = false;
    this.group.close(this.id, reason === undefined ? undefined : cut(String(reason)));
  }

  /** For `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** It is somebody else's from now on. Throws UsageError. @hidden */
  give(to: GroupOfEnds): EndId {
    this.checkGivable(to);
    this.isHeld = false;
    this.group.gave(this.id);
    return this.id;
  }

  /** Nobody got it. @hidden */
  takeBack(): void {
    this.isHeld = true;
  }

  /** @hidden */
  checkGivable(to: GroupOfEnds): void {
    this.checkHeld();
    if (to !== this.group) throw new UsageError(`the end of port ${quoted(this.name)} is of another group`);
    if (this.group.isSending(this.id))
      throw new UsageError(`what is being sent to port ${quoted(this.name)} has to be awaited first`);
  }

  protected checkHeld(): void {
    if (!this.isHeld) throw new UsageError(`the end of port ${quoted(this.name)} was closed or given away`);
  }
}

const anEnd = instanceOf(PoolEnd, 'a PoolSender or a PoolReceiver');
const sendOptions = optionsOf<PoolSendOptions>({ ports: listOf(anEnd), signal: aSignal });
const receivingOptions = optionsOf<ReceivingOptions>({ signal: aSignal });
const someBytes = instanceOf(Uint8Array, 'given as a Uint8Array');

/** Where the host sends to a group on a pool. */
export class PoolSender extends PoolEnd {
  /** Another one for the same port, to be given to somebody. Throws UsageError where this one was closed. */
  clone(): PoolSender {
    this.checkHeld();
    const id = this.group.newEnd();
    this.group.clone(this.id, id);
    return new PoolSender(this.group, id, this.name);
  }

  /**
   * Sends a copy of a message, once there is room for it. Rejects with ClosedError where nobody receives any more, UsageError for
   * what never fits.
   */
  async send(bytes: Uint8Array, options: PoolSendOptions = {}): Promise<void> {
    someBytes(bytes, 'a message');
    sendOptions(options, theOptions);
    this.checkHeld();
    const { ports = [], signal } = options;
    if (new Set(ports).size < ports.length) throw new UsageError('ends of ports go along with a message, each once');
    for (const end of ports) {
      end.checkGivable(this.group);
      if (end === this) throw new UsageError('an end cannot be sent through itself');
    }
    signal?.throwIfAborted();
    const ends = ports.map((end) => end.give(this.group));
    try {
      await this.group.send(this.id, new Uint8Array(bytes), ends, signal);
    } catch (error) {
      for (const end of ports) end.takeBack();
      throw error;
    }
  }
}

/** Where the host receives from a group on a pool. */
export class PoolReceiver extends PoolEnd {
  /** Another one for the same port: each message goes to one of them. Throws UsageError where this one was closed. */
  clone(): PoolReceiver {
    this.checkHeld();
    const id = this.group.newEnd();
    this.group.clone(this.id, id);
    return new PoolReceiver(this.group, id, this.name);
  }

  /** The next message; undefined once nobody sends any more and all was received. */
  async receive(options: ReceivingOptions = {}): Promise<PoolReceived | undefined> {
    receivingOptions(options, theOptions);
    this.checkHeld();
    return this.group.receive(this.id, options.signal);
  }

  /** All messages, until nobody sends any more; who leaves the loop lets go of the port. */
  async *[Symbol.asyncIterator](): AsyncGenerator<PoolReceived, void, undefined> {
    try {
      for (let message = await this.receive(); message !== undefined; message = await this.receive()) yield message;
    } finally {
      this.close();
    }
  }
}
