// What the host's ends of a group's ports have of the group: all that is done through them becomes a wish.

import { UsageError } from '../../spec/errors.ts';
import type { EndId, GroupAct, HeldEnd } from '../told/group.ts';
import type { GroupDriver } from './driver.ts';
import { type GroupOfEnds, type PoolReceived, PoolReceiver, PoolSender } from './ends.ts';
import type { Wishes } from './wishes.ts';

export class HostEnds implements GroupOfEnds {
  private last = 0;

  constructor(
    private readonly driver: GroupDriver,
    private readonly wishes: Wishes,
  ) {}

  /** The host's hold of an end that a worker knows. */
  of({ id, side, port }: HeldEnd): PoolSender | PoolReceiver {
    this.last = Math.max(this.last, id);
    return side === 'send' ? new PoolSender(this, id, port) : new PoolReceiver(this, id, port);
  }

  newEnd(): EndId {
    return ++this.last;
  }

  /** Throws what the group has ended with. */
  ask(act: GroupAct): Promise<unknown> {
    this.driver.check();
    return this.wishes.act(act);
  }

  clone(end: EndId, as: EndId): void {
    this.ask({ kind: 'clone', end, as }).catch(() => {});
  }

  close(end: EndId, reason: string | undefined): void {
    if (this.driver.isOver) return;
    this.wishes.close(end, reason, new UsageError('the end of the port was closed'));
  }

  /** It is given away. */
  gave(end: EndId): void {
    this.wishes.unwantAll(end, new UsageError('the end of the port was given away'));
  }

  isSending(end: EndId): boolean {
    return this.wishes.isSending(end);
  }

  async send(...[end, bytes, ends, signal]: Parameters<GroupOfEnds['send']>): Promise<void> {
    this.driver.check();
    await this.wishes.send(end, bytes, ends, signal);
  }

  async receive(...[end, signal]: Parameters<GroupOfEnds['receive']>): Promise<PoolReceived | undefined> {
    this.driver.check();
    return this.wishes.receive(end, signal);
  }
}
