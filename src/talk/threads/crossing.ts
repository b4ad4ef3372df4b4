// A port between threads: the end where it is received from, with its queue (`Inlet`), and the ends in other parts of the group where
// it is sent to (`Outlet`). Both see its state in words of shared memory (`Slot`). What is in the port by that count is on its
// way or in the queue: so nobody is told that nothing comes any more before the last message has come.

import { CrashError } from '../../spec/errors.ts';
import { Port, type PortBounds, type Side } from '../ports/port.ts';

/** Words of a port. */
export const slotWords = 16;
/** How many messages and bytes are in it, in one word, so that a place is taken in one step. */
const takenAt = 0;
const flagsAt = 1;
/** Parts, as bits, that wait for room. */
const waitingAt = 2;
/** Its queue is there; it was shut; nobody receives from it; the host does. */
const flags = { open: 1, shut: 2, deaf: 4, host: 8 } as const;
type Flag = keyof typeof flags;

const byteBits = 21;
const oneMessage = 1 << byteBits;
/** What a port may hold that crosses. */
export const mostCrossing: PortBounds = { messages: 2 ** (32 - byteBits) - 1, bytes: 2 ** 20 };

/** What all parts know of a port. */
export class Slot {
  constructor(
    private readonly words: Int32Array,
    private readonly at: number,
  ) {}

  /** How many are in the port, or on their way there. */
  get messages(): number {
    return Atomics.load(this.words, this.at + takenAt) >>> byteBits;
  }

  takes(length: number, bounds: PortBounds): boolean {
    return isWithin(Atomics.load(this.words, this.at + takenAt), length, bounds);
  }

  /** Takes room for a message; false where there is none. */
  take(length: number, bounds: PortBounds): boolean {
    for (;;) {
      const taken = Atomics.load(this.words, this.at + takenAt);
      if (!isWithin(taken, length, bounds)) return false;
      const next = (taken + oneMessage + length) | 0;
      if (Atomics.compareExchange(this.words, this.at + takenAt, taken, next) === taken) return true;
    }
  }

  /** For a message that is there, whether or not there is room. */
  add(length: number): void {
    Atomics.add(this.words, this.at + takenAt, oneMessage + length);
  }

  remove(length: number): void {
    Atomics.sub(this.words, this.at + takenAt, oneMessage + length);
  }

  is(flag: Flag): boolean {
    return (Atomics.load(this.words, this.at + flagsAt) & flags[flag]) !== 0;
  }

  /** Nothing can be sent to it any more. */
  get isOver(): boolean {
    return (Atomics.load(this.words, this.at + flagsAt) & (flags.shut | flags.deaf)) !== 0;
  }

  set(flag: Flag, is = true): void {
    if (is) Atomics.or(this.words, this.at + flagsAt, flags[flag]);
    else Atomics.and(this.words, this.at + flagsAt, ~flags[flag]);
  }

  /** The part is to be told once there may be room. */
  wait(part: number): void {
    Atomics.or(this.words, this.at + waitingAt, part);
  }

  /** Parts that are to be told. */
  takeWaiting(): number {
    return Atomics.load(this.words, this.at + waitingAt) === 0
      ? 0
      : Atomics.exchange(this.words, this.at + waitingAt, 0);
  }
}

const isWithin = (taken: number, length: number, { messages, bytes }: PortBounds): boolean =>
  taken >>> byteBits < messages && (taken & (oneMessage - 1)) + length <= bytes;

/** A port that others send to as well, from other threads. */
export class Inlet extends Port {
  /** Messages that were put back, which take no room: the next ones. */
  private uncounted = 0;

  constructor(
    name: string,
    bounds: PortBounds,
    gone: () => void,
    private readonly slot: Slot,
    /** Parts, as bits, are to look at the port again. */
    private readonly giveRoom: (parts: number) => void,
  ) {
    super(name, bounds, gone);
  }

  open(): void {
    this.slot.set('open');
    this.note();
  }

  /** What others see of who has hold of it. */
  private note(): void {
    this.slot.set('host', this.isHeldByHost('receive'));
    if (this.receivers > 0) return;
    this.slot.set('deaf');
    this.giveRoom(-1);
  }

  override passed(side: Side, toHost: boolean): void {
    super.passed(side, toHost);
    this.slot.set('host', this.isHeldByHost('receive'));
  }

  override released(side: Side, ofHost: boolean): void {
    super.released(side, ofHost);
    if (side === 'receive') this.note();
  }

  override close(reason?: string): void {
    super.close(reason);
    this.slot.set('shut');
    this.giveRoom(-1);
  }

  override get wasClosed(): boolean {
    return super.wasClosed || this.slot.is('shut');
  }

  override isOver(side: Side): boolean {
    return super.isOver(side) && (side === 'send' || this.slot.messages === 0);
  }

  override hasRoom(length: number): boolean {
    return this.slot.takes(length, this.bounds);
  }

  override take(length: number): boolean {
    return !this.isOver('send') && this.slot.take(length, this.bounds);
  }

  override fill(message: Parameters<Port['push']>[0]): void {
    this.slot.add(message.bytes.length);
    super.fill(message);
  }

  /** A message from another thread, which is counted already. */
  arrive(bytes: Uint8Array): void {
    if (this.receivers > 0) super.push({ bytes, ends: [] });
    else this.slot.remove(bytes.length);
  }

  /** Something may be over that was not. */
  look(): void {
    this.wakeAll();
  }

  override unshift(message: Parameters<Port['unshift']>[0]): void {
    this.uncounted++;
    super.unshift(message);
  }

  override shift(): ReturnType<Port['shift']> {
    const message = super.shift();
    this.uncount(message.bytes.length);
    const waiting = this.slot.takeWaiting();
    if (waiting !== 0) this.giveRoom(waiting);
    return message;
  }

  override clear(): void {
    for (const { bytes } of this.messages) this.uncount(bytes.length);
    super.clear();
  }

  private uncount(length: number): void {
    if (this.uncounted > 0) this.uncounted--;
    else this.slot.remove(length);
  }
}

/** What an outlet has of the thread where its port is. */
export interface OutletSide {
  /** The part that the outlet is in. */
  readonly bit: number;
  /** Whether there is room for a message on the way. */
  hasRoom(length: number): boolean;
  send(bytes: Uint8Array): void;
  shut(reason: string | undefined): void;
  /** Nobody of this part sends any more. */
  left(): void;
  /** Somebody who waits at the inlet has to look again. */
  look(): void;
  /** It is to be told once there may be room. */
  waits(outlet: Outlet): void;
  /** Something is to be sent that does not go through rings. */
  join(name: string): void;
}

/** A port that is on another thread, as those see it who send to it from this one. */
export class Outlet extends Port {
  constructor(
    name: string,
    bounds: PortBounds,
    gone: () => void,
    private readonly slot: Slot,
    private readonly side: OutletSide,
  ) {
    super(name, bounds, gone);
  }

  override get isHere(): boolean {
    return false;
  }

  /** It is received from elsewhere, as far as is known. */
  override get receivers(): number {
    return this.slot.is('deaf') ? 0 : 1;
  }

  override isHeldByHost(side: Side): boolean {
    return side === 'receive' && this.slot.is('host');
  }

  override released(side: Side, ofHost: boolean): void {
    this.left ||= this.sendersLeft(side);
    super.released(side, ofHost);
  }

  private left = false;

  private sendersLeft(side: Side): boolean {
    if (side !== 'send' || this.senders > 1) return false;
    this.side.left();
    return true;
  }

  override close(reason?: string): void {
    if (this.slot.is('shut')) return;
    this.slot.set('shut');
    this.side.shut(reason);
    super.close(reason);
  }

  override isOver(side: Side): boolean {
    return side === 'send' && this.slot.isOver;
  }

  override hasRoom(length: number): boolean {
    if (this.isRoom(length)) return true;
    // In this order: room that is made now is told.
    this.side.waits(this);
    this.slot.wait(this.side.bit);
    return this.isRoom(length);
  }

  private isRoom(length: number): boolean {
    return this.slot.is('open') && this.slot.takes(length, this.bounds) && this.side.hasRoom(length);
  }

  override take(length: number): boolean {
    do if (!this.hasRoom(length)) return false;
    while (!this.slot.take(length, this.bounds));
    if (!this.slot.isOver) return true;
    // It was closed in between, and whoever waits for its last message must not wait for this one.
    this.slot.remove(length);
    this.side.look();
    return false;
  }

  override push({ bytes, ends }: Parameters<Port['push']>[0]): void {
    if (ends.length > 0) throw new CrashError('ends of ports do not go to another thread');
    this.side.send(bytes);
  }

  override join(): void {
    this.side.join(this.name);
  }

  /** There may be room, or it is over. */
  look(): void {
    if (this.isOver('send')) this.wakeAll();
    else if (this.hasRoom(0)) this.news('send');
  }

  override clear(): void {}
}
