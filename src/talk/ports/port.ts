// A port: a bounded queue of messages, first in, first out, and who has hold of its two ends. It knows nothing of VMs: who
// waits is whatever can be woken.

import { LateMap } from '../../runtime/kept/late-map.ts';

export type Side = 'send' | 'receive';
export const sides: readonly Side[] = ['send', 'receive'];
export const opposite = (side: Side): Side => (side === 'send' ? 'receive' : 'send');

/** How much a port holds. */
export interface PortBounds {
  readonly messages: number;
  /** Bytes of all messages. */
  readonly bytes: number;
}

/** Bytes, and hold of ports that goes along. */
export interface Message {
  readonly bytes: Uint8Array;
  readonly ends: readonly End[];
}

/** Whoever waits until a port can be asked again. */
export interface Waiter {
  wake(): void;
}

/** In the order in which they came; mostly there is one. Each has seen the port as it was at a change, which are counted. */
class Waiters {
  private first: Waiter | undefined;
  private firstSaw = 0;
  private readonly others = new LateMap<Waiter, number>();

  /** `again`: it was woken in vain, and keeps its place before the others. */
  add(waiter: Waiter, saw: number, again: boolean): void {
    if (this.first !== undefined || (this.others.size > 0 && !again)) this.others.set(waiter, saw);
    else {
      this.first = waiter;
      this.firstSaw = saw;
    }
  }

  delete(waiter: Waiter): void {
    if (waiter === this.first) this.first = undefined;
    else this.others.delete(waiter);
  }

  /** Who came first of those for whom there is news. */
  take(change: number): Waiter | undefined {
    const { first } = this;
    if (first !== undefined && this.firstSaw !== change) {
      this.first = undefined;
      return first;
    }
    for (const [waiter, saw] of this.others)
      if (saw !== change) {
        this.others.delete(waiter);
        return waiter;
      }
    return undefined;
  }
}

/** Somebody's hold of one end of a port: a guest's, a message's, or the host's. */
export class End {
  private held = true;

  constructor(
    readonly port: Port,
    readonly side: Side,
    private ofHost = false,
  ) {
    port.took(side, ofHost);
  }

  get isHeld(): boolean {
    return this.held;
  }

  /** Another hold of the same end, by a guest. */
  clone(): End {
    return new End(this.port, this.side);
  }

  /** It changes hands. */
  pass(toHost: boolean): this {
    if (toHost !== this.ofHost) this.port.passed(this.side, toHost);
    this.ofHost = toHost;
    return this;
  }

  release(): void {
    if (!this.held) return;
    this.held = false;
    releasing.push(this);
    if (releasing.length > 1) return;
    // Messages of a port that nobody receives from have hold of others, and so on: one after the other, not within each other.
    for (let i = 0; i < releasing.length; i++) {
      const { port, side, ofHost } = releasing[i] as End;
      port.released(side, ofHost);
    }
    releasing.length = 0;
  }
}
const releasing: End[] = [];

export class Port {
  private readonly holders: Record<Side, number> = { send: 0, receive: 0 };
  private readonly ofHost: Record<Side, number> = { send: 0, receive: 0 };
  private readonly waiting: Record<Side, Waiters> = { send: new Waiters(), receive: new Waiters() };
  private queue: (Message | undefined)[] = [];
  private first = 0;
  private held = 0;
  /** Counts what may be news to those who wait. */
  private changes = 0;
  private told: string | undefined;
  private isShut = false;

  constructor(
    /** No other one of the group has it. */
    readonly name: string,
    readonly bounds: PortBounds,
    /** Nobody has hold of either end any more. */
    private readonly gone: () => void = () => {},
  ) {}

  // Who has hold of it

  took(side: Side, ofHost: boolean): void {
    this.holders[side]++;
    if (ofHost) this.ofHost[side]++;
  }

  passed(side: Side, toHost: boolean): void {
    this.ofHost[side] += toHost ? 1 : -1;
  }

  released(side: Side, ofHost: boolean): void {
    this.holders[side]--;
    if (ofHost) this.ofHost[side]--;
    if (this.holders[side] > 0) return;
    if (side === 'receive') this.clear();
    this.wakeAll();
    if (this.holders[opposite(side)] === 0) this.gone();
  }

  /** Of one that was restored: what nobody has hold of does not stay. */
  settle(): void {
    if (this.holders.receive > 0) return;
    this.clear();
    if (this.holders.send === 0) this.gone();
  }

  /** How many have hold of the end where one receives. */
  get receivers(): number {
    return this.holders.receive;
  }

  /** How many have hold of the end where one sends. */
  get senders(): number {
    return this.holders.send;
  }

  /** Whether its queue is on this thread: then it keeps what is pushed as it is. */
  get isHere(): boolean {
    return true;
  }

  /** It is to be here, with all who have hold of it. */
  join(): void {}

  /** Whether the host, which may do anything at any time, has hold of the end. */
  isHeldByHost(side: Side): boolean {
    return this.ofHost[side] > 0;
  }

  /** No message is taken any more; those that are in it can be received. */
  close(reason?: string): void {
    if (this.isShut) return;
    this.isShut = true;
    this.told = reason;
    this.wakeAll();
  }

  /** How often it was asked for something that came of it. */
  get traffic(): number {
    return this.changes;
  }

  get wasClosed(): boolean {
    return this.isShut;
  }

  get reason(): string | undefined {
    return this.told;
  }

  /** Whether nothing can be sent any more, or nothing be received. */
  isOver(side: Side): boolean {
    if (side === 'send') return this.isShut || this.holders.receive === 0;
    return this.size === 0 && (this.isShut || this.holders.send === 0);
  }

  // Messages

  get size(): number {
    return this.queue.length - this.first;
  }

  get messages(): readonly Message[] {
    return this.queue.slice(this.first) as Message[];
  }

  /** Whether a message of so many bytes ever fits. */
  takes(length: number): boolean {
    return length <= this.bounds.bytes && this.bounds.messages > 0;
  }

  hasRoom(length: number): boolean {
    return this.size < this.bounds.messages && this.held + length <= this.bounds.bytes;
  }

  /** Whether it is worth asking: there is a message, or room for one, or nothing will come of it any more. */
  isReady(side: Side): boolean {
    return this.isOver(side) || (side === 'receive' ? this.size > 0 : this.hasRoom(0));
  }

  /** Takes room for a message that is pushed next; false where there is none, or it is closed by now. */
  take(length: number): boolean {
    return this.hasRoom(length);
  }

  /** Its room was taken. */
  push(message: Message): void {
    this.queue.push(message);
    this.held += message.bytes.length;
    this.news('receive');
  }

  /** Of one that was restored: what was in it, in order. */
  fill(message: Message): void {
    this.push(message);
  }

  /** Puts a message back that was taken out last, whether or not there is room. */
  unshift(message: Message): void {
    if (this.first > 0) this.queue[--this.first] = message;
    else this.queue.unshift(message);
    this.held += message.bytes.length;
    this.news('receive');
  }

  get next(): Message | undefined {
    return this.queue[this.first];
  }

  /** Takes the next message out. There must be one. */
  shift(): Message {
    const message = this.queue[this.first] as Message;
    this.queue[this.first++] = undefined;
    this.held -= message.bytes.length;
    if (this.first === this.queue.length) {
      this.queue.length = 0;
      this.first = 0;
    } else if (this.first >= 64 && this.first * 2 > this.queue.length) {
      this.queue = this.queue.slice(this.first);
      this.first = 0;
    }
    this.news('send');
    return message;
  }

  /** Nobody can receive from it any more. */
  clear(): void {
    const { messages } = this;
    this.queue = [];
    this.first = 0;
    this.held = 0;
    for (const { ends } of messages) for (const end of ends) end.release();
  }

  // Waiting: who came first is woken first, and others once that one has asked.

  /** `again`: it was woken in vain. */
  wait(side: Side, waiter: Waiter, again = false): void {
    this.waiting[side].add(waiter, this.changes, again);
  }

  forget(side: Side, waiter: Waiter): void {
    this.waiting[side].delete(waiter);
  }

  /** Somebody who was woken has asked: what is left is for the next at that end. */
  passOn(side: Side): void {
    if (this.isReady(side)) this.wakeOne(side);
  }

  /** It is worth asking there again. */
  protected news(side: Side): void {
    this.changes++;
    this.wakeOne(side);
  }

  private wakeOne(side: Side): void {
    this.waiting[side].take(this.changes)?.wake();
  }

  protected wakeAll(): void {
    this.changes++;
    for (const side of sides) {
      const waiters = this.waiting[side];
      this.waiting[side] = new Waiters();
      for (let next = waiters.take(this.changes); next !== undefined; next = waiters.take(this.changes)) next.wake();
    }
  }
}
