// What the host wants of a group and has not got: acts, messages to be sent, messages to be received. Each stays here until a slice
// has said what became of it, so that a slice that is lost is done again with the same.

import type { Signal } from '../../spec/options.ts';
import { type Deferred, deferred } from '../line/deferred.ts';
import { fromData } from '../told/errors.ts';
import type { Done, EndId, FromPort, GroupAct, GroupTask, HeldEnd, NumberedAct, SendOrder } from '../told/group.ts';
import type { PoolReceived } from './ends.ts';

/** Messages of one end, and their bytes, that go with a slice; and messages of all. */
const most = { messages: 64, bytes: 2 ** 20, ofAll: 4096 } as const;

const ofAll: ReadonlySet<GroupAct['kind']> = new Set<GroupAct['kind']>(['port', 'subscribe', 'add', 'fail']);

type Wanted = Deferred<PoolReceived | undefined>;

/** What a slice has left to do. */
interface Left {
  /** Some sends were left out, or there may be room for them by now. */
  readonly goesOn: boolean;
  /** Something that was taken out of a port has to be put back. */
  readonly returns: boolean;
}

export class Wishes {
  private next = 1;
  /** By number, in order. */
  private readonly acts = new Map<number, NumberedAct>();
  private readonly sends = new Map<number, SendOrder>();
  private lastSend = 0;
  /** How many sends there are of each end. */
  private readonly sending = new Map<EndId, number>();
  private readonly waiting = new Map<number, Deferred<unknown>>();
  private readonly wants = new Map<EndId, Wanted[]>();
  /** Ends to be closed once nothing is sent through them any more. */
  private readonly closing = new Map<EndId, string | undefined>();
  /** What came out of ports and nobody took any more: before all else it is put back, what came last first. */
  private returns: NumberedAct[] = [];
  /** Sends of the slice that is under way; and why some of them were given up since. */
  private readonly underWay = new Set<number>();
  /** What is wanted from this number on came after the slice was told what to do. */
  private told = 0;
  /** Ends of which nothing was sent in the last slice that tried. */
  private readonly full = new Set<EndId>();
  private readonly givenUp = new Map<number, unknown>();

  constructor(
    /** The host's hold of an end that came out of a port. */
    private readonly endOf: (held: HeldEnd) => PoolReceived['ports'][number],
    /** There is something to be told. */
    private readonly tell: () => void,
  ) {}

  // What is wanted

  act(act: GroupAct): Promise<unknown> {
    const number = this.next++;
    this.acts.set(number, { ...act, number });
    return this.waitFor(number);
  }

  private waitFor(number: number): Promise<unknown> {
    const waiting = deferred<unknown>();
    this.waiting.set(number, waiting);
    this.tell();
    return waiting.promise;
  }

  /** Rejects with the signal's reason where that comes before it is sent. */
  send(end: EndId, bytes: Uint8Array, ends: readonly EndId[], signal: Signal | undefined): Promise<unknown> {
    const order = { number: this.next++, end, bytes, ends };
    this.sends.set(order.number, order);
    this.lastSend = order.number;
    this.sending.set(end, (this.sending.get(end) ?? 0) + 1);
    const sent = this.waitFor(order.number);
    if (signal === undefined) return sent;
    const stop = () => this.unsend(order, signal.reason);
    signal.addEventListener('abort', stop);
    return sent.finally(() => signal.removeEventListener('abort', stop));
  }

  /** A message that is on its way to a slice may be sent all the same: then it was. */
  private unsend(order: SendOrder, reason: unknown): void {
    if (this.underWay.has(order.number)) this.givenUp.set(order.number, reason);
    else this.fail(order, reason);
  }

  private fail({ number, end }: SendOrder, reason: unknown): void {
    this.waiting.get(number)?.reject(reason);
    this.waiting.delete(number);
    this.unlist(number, end);
  }

  private unlist(number: number, end: EndId): void {
    if (!this.sends.delete(number)) return;
    const left = (this.sending.get(end) ?? 0) - 1;
    if (left > 0) this.sending.set(end, left);
    else this.sending.delete(end);
    this.closeSent(end);
  }

  isSending(end: EndId): boolean {
    return this.sending.has(end);
  }

  /** Once nothing is to be sent through it any more; who waits for messages there gets none. */
  close(end: EndId, reason: string | undefined, error: Error): void {
    this.unwantAll(end, error);
    this.closing.set(end, reason);
    this.closeSent(end);
  }

  private closeSent(end: EndId): void {
    if (!this.closing.has(end) || this.isSending(end)) return;
    const reason = this.closing.get(end);
    this.closing.delete(end);
    this.act({ kind: 'close', end, reason }).catch(() => {});
  }

  receive(end: EndId, signal: Signal | undefined): Promise<PoolReceived | undefined> {
    const wanted: Wanted = deferred();
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    this.wants.set(end, [...(this.wants.get(end) ?? []), wanted]);
    this.tell();
    if (signal === undefined) return wanted.promise;
    const stop = () => {
      this.unwant(end, wanted);
      wanted.reject(signal.reason);
    };
    signal.addEventListener('abort', stop);
    return wanted.promise.finally(() => signal.removeEventListener('abort', stop));
  }

  private unwant(end: EndId, wanted: Wanted): void {
    const left = (this.wants.get(end) ?? []).filter((each) => each !== wanted);
    if (left.length > 0) this.wants.set(end, left);
    else this.wants.delete(end);
  }

  /** Who waits for messages there gets none. */
  unwantAll(end: EndId, error: Error): void {
    for (const wanted of this.wants.get(end) ?? []) wanted.reject(error);
    this.wants.delete(end);
  }

  /** Whether some of it is about all of the group, wherever that is. */
  get isAboutAll(): boolean {
    for (const { kind } of this.acts.values()) if (ofAll.has(kind)) return true;
    for (const { ends } of this.sends.values()) if (ends.length > 0) return true;
    return false;
  }

  /** Whether all members are to end. */
  get isFailing(): boolean {
    for (const { kind } of this.acts.values()) if (kind === 'fail') return true;
    return false;
  }

  // What goes with a slice

  /** All that is wanted from now on is behind it. */
  get mark(): number {
    return this.next;
  }

  /** What is before the mark. */
  order(mark = Number.POSITIVE_INFINITY): Pick<GroupTask, 'acts' | 'sends' | 'wants'> {
    const acts = [...this.returns, ...[...this.acts.values()].filter(({ number }) => number < mark)];
    const sends = this.nextSends(mark);
    this.told = Math.min(mark, this.next);
    this.underWay.clear();
    for (const { number } of sends) this.underWay.add(number);
    return { acts, sends, wants: [...this.wants].map(([end, { length }]) => [end, length]) };
  }

  private nextSends(mark: number): SendOrder[] {
    const taken = new Map<EndId, { messages: number; bytes: number }>();
    const next: SendOrder[] = [];
    for (const order of this.sends.values()) {
      if (order.number >= mark || next.length === most.ofAll) break;
      const { end, bytes: message } = order;
      const { messages, bytes } = taken.get(end) ?? { messages: 0, bytes: 0 };
      const mostOfIt = this.full.has(end) ? 1 : most.messages;
      const isTaken = messages === 0 || (messages < mostOfIt && bytes + message.length <= most.bytes);
      // Behind one that has to wait, all of its end wait.
      taken.set(end, { messages: isTaken ? messages + 1 : most.messages, bytes: bytes + message.length });
      if (isTaken) next.push(order);
    }
    return next;
  }

  // What came of it

  took(done: readonly Done[], received: readonly FromPort[]): Left {
    const before = this.sends.size;
    this.noteFull(done);
    this.underWay.clear();
    for (const each of done) this.settle(each);
    for (const [number, reason] of this.givenUp) {
      const order = this.sends.get(number);
      if (order !== undefined) this.fail(order, reason);
    }
    this.givenUp.clear();
    for (const each of received) this.arrived(each);
    const isMoving = this.sends.size < before || received.length > 0;
    const isNew = this.lastSend >= this.told;
    const goesOn = this.acts.size > 0 || (this.sends.size > 0 && (isNew || isMoving));
    return { goesOn, returns: this.returns.length > 0 };
  }

  private noteFull(done: readonly Done[]): void {
    this.full.clear();
    for (const number of this.underWay) this.full.add(this.sends.get(number)?.end as EndId);
    for (const { number } of done) this.full.delete(this.sends.get(number)?.end as EndId);
  }

  private settle(done: Done): void {
    const { number } = done;
    const waiting = this.waiting.get(number);
    this.waiting.delete(number);
    if (done.error === undefined) waiting?.resolve(done.value);
    else waiting?.reject(fromData(done.error));
    const sent = this.sends.get(number);
    if (sent !== undefined) this.unlist(number, sent.end);
    else if (!this.acts.delete(number)) this.returns = this.returns.filter((each) => each.number !== number);
  }

  private arrived({ end, port, messages, over }: FromPort): void {
    const wanted = this.wants.get(end) ?? [];
    const taken = messages.slice(0, wanted.length);
    for (const { bytes, ends } of taken) wanted.shift()?.resolve({ bytes, ports: ends.map(this.endOf) });
    const left = messages.slice(taken.length);
    if (left.length > 0) {
      const back = left.map(({ bytes, ends }) => ({ bytes, ends: ends.map(({ id }) => id) }));
      this.returns.unshift({ kind: 'return', end, port, messages: back, number: this.next++ });
      this.tell();
    }
    if (over !== undefined) for (const each of wanted.splice(0)) each.resolve(undefined);
    if (wanted.length === 0) this.wants.delete(end);
    else this.wants.set(end, wanted);
  }

  /** The group is gone: nobody gets what is wanted any more. */
  reject(error: Error): void {
    const all = [...this.waiting.values(), ...[...this.wants.values()].flat()];
    for (const each of [this.waiting, this.wants, this.closing, this.acts, this.sends, this.sending]) each.clear();
    this.returns = [];
    for (const each of all) each.reject(error);
  }
}
