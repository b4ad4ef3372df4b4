// What the main thread has hold of in a group on this thread: ends of ports, by numbers; what it sends through them, and what it
// waits for.

import { CrashError } from '../../spec/errors.ts';
import { Receiver, Sender } from '../../talk/ends.ts';
import type { Group } from '../../talk/group.ts';
import { toData } from '../told/errors.ts';
import type { Done, EndId, FromPort, GroupOrigin, GroupTask, HeldEnd, SendOrder } from '../told/group.ts';

type HostEnd = Sender | Receiver;

export class HostEnds {
  private readonly ends = new Map<EndId, HostEnd>();
  /** The next that a worker names; those between are for other parts of the group. */
  private next = -1;
  private step = 1;

  /** Of a group that was restored: who had which, and the rest closed. */
  restore(group: Group, { ends: held, lowestEnd, bridge }: GroupOrigin): void {
    const first = new Set<string>();
    for (const { id, side, port } of held) {
      const end = side === 'send' ? group.sender(port) : group.receiver(port);
      const key = `${side} ${port}`;
      this.ends.set(id, first.has(key) ? end.clone() : end);
      first.add(key);
    }
    this.step = bridge?.parts ?? 1;
    this.next = lowestEnd - 1 - (bridge?.part ?? 0);
  }

  set(id: EndId, end: HostEnd): void {
    this.ends.set(id, end);
  }

  at(id: EndId): HostEnd {
    const end = this.ends.get(id);
    if (end === undefined) throw new CrashError(`the group has no end ${id}`);
    return end;
  }

  /** Undefined where the host has it no longer. */
  receiver(id: EndId): Receiver | undefined {
    const end = this.ends.get(id);
    return end instanceof Receiver ? end : undefined;
  }

  sender(id: EndId): Sender {
    const end = this.at(id);
    if (!(end instanceof Sender)) throw new CrashError(`end ${id} sends nothing`);
    return end;
  }

  /** It is somebody else's from now on. */
  forget(id: EndId): void {
    this.ends.delete(id);
  }

  /** An end that came out of a port. */
  name(end: HostEnd): HeldEnd {
    const id = this.next;
    this.next -= this.step;
    this.ends.set(id, end);
    return heldEnd(id, end);
  }

  get list(): readonly HeldEnd[] {
    return [...this.ends].map(([id, end]) => heldEnd(id, end));
  }
}

const heldEnd = (id: EndId, end: HostEnd): HeldEnd => ({
  id,
  side: end instanceof Sender ? 'send' : 'receive',
  port: end.name,
});

/** What the main thread sends and waits for in one slice. */
export class Traffic {
  readonly done: Done[] = [];
  private left: readonly SendOrder[];

  constructor(
    private readonly ends: HostEnds,
    { sends, wants }: Pick<GroupTask, 'sends' | 'wants'>,
  ) {
    this.left = sends;
    this.wants = wants;
  }

  private readonly wants: GroupTask['wants'];

  /** Sends all for which there is room, in order. */
  send(): void {
    const full = new Set<EndId>();
    this.left = this.left.filter((order) => {
      if (!full.has(order.end) && this.isSent(order)) return false;
      full.add(order.end);
      return true;
    });
  }

  private isSent({ number, end, bytes, ends }: SendOrder): boolean {
    try {
      const ports = ends.map((id) => this.ends.at(id));
      if (!this.ends.sender(end).trySend(bytes, { ports, transfer: true })) return false;
      for (const id of ends) this.ends.forget(id);
      this.done.push({ number });
    } catch (error) {
      this.done.push({ number, error: toData(error) });
    }
    return true;
  }

  /** Something of what is waited for is there. */
  get isThere(): boolean {
    return this.receivers.some(({ receiver }) => receiver.size > 0 || receiver.isOver);
  }

  private get receivers(): readonly { readonly end: EndId; readonly receiver: Receiver; readonly count: number }[] {
    return this.wants.flatMap(([end, count]) => {
      const receiver = this.ends.receiver(end);
      return receiver === undefined ? [] : [{ end, receiver, count }];
    });
  }

  /** `wake` is called once something can be sent or received that could not before; what is returned ends that. */
  watch(wake: () => void): () => void {
    const senders = [...new Set(this.left.map(({ end }) => end))].map((id) => this.ends.sender(id));
    const receivers = this.receivers.map(({ receiver }) => receiver);
    const stops = [...senders, ...receivers].map((end) => end.watch(wake));
    return () => {
      for (const stop of stops) stop();
    };
  }

  /** What is there of what is waited for. */
  received(): readonly FromPort[] {
    return this.receivers.flatMap(({ end, receiver, count }) => {
      const messages: FromPort['messages'][number][] = [];
      while (messages.length < count) {
        const message = receiver.tryReceive();
        if (message === undefined) break;
        messages.push({ bytes: message.bytes, ends: message.ports.map((each) => this.ends.name(each)) });
      }
      const over = receiver.isOver ? { reason: receiver.reason } : undefined;
      return messages.length === 0 && over === undefined ? [] : [{ end, port: receiver.name, messages, over }];
    });
  }
}
