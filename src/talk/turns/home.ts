// Where members are at home: the ports and topics of the group that their handles are of.

import type { CallsOf } from '../members/call.ts';
import { Handles, type Home } from '../members/handles.ts';
import type { End, Port, PortBounds } from '../ports/port.ts';
import type { Ports } from '../ports/ports.ts';
import type { Topic } from '../ports/topic.ts';
import type { Bridge } from '../threads/bridge.ts';

/** An end that a member is given, by the name by which it finds it. */
export type Given = readonly [name: string, end: End];

export class GroupHome implements Home {
  /** Whose handles are made or given back now, and what it is given. */
  private making: { readonly member: string; readonly given: readonly Given[] } = { member: '', given: [] };
  /** Ports by their numbers in the snapshot that is read now, and numbers in the one that is made now. */
  private read: readonly (Port | undefined)[] = [];
  private readonly numbers = new Map<Port, number>();

  constructor(
    private readonly ports: Ports,
    readonly calls: CallsOf,
    private readonly bridge: Bridge | undefined,
  ) {}

  maySubscribe(): boolean {
    this.bridge?.joinAll();
    return this.bridge === undefined;
  }

  reaches(topic: string, member: string): boolean {
    const { bridge } = this;
    if (bridge?.publishing.unreached.has(topic) !== true) return true;
    bridge.joinTopics(member);
    return false;
  }

  alone<T>(act: () => T): T | undefined {
    return this.bridge === undefined ? act() : this.bridge.publishing.alone(act);
  }

  publish(ports: readonly Port[], bytes: Uint8Array): number | readonly Port[] {
    if (this.bridge !== undefined) return this.bridge.publishing.publish(ports, bytes);
    for (const port of ports) port.push({ bytes: bytes.slice(), ends: [] });
    return ports.length;
  }

  makePort(bounds: PortBounds): Port | undefined {
    return this.ports.make(bounds);
  }

  topic(name: string): Topic | undefined {
    return this.ports.topic(name);
  }

  /** The next handles are those of the member. */
  prepare(member: string, given: readonly Given[] = []): void {
    this.making = { member, given };
  }

  newHandles(): Handles {
    const handles = new Handles(this, this.making.member);
    for (const [name, end] of this.making.given) handles.names.set(name, handles.add(end));
    return handles;
  }

  restoreHandles(saved: unknown): Handles {
    return Handles.restore(saved, this.read, this, this.making.member);
  }

  /** From now on a snapshot with these ports is read; undefined for those of other parts. */
  beginReading(ports: readonly (Port | undefined)[]): void {
    this.read = ports;
  }

  /** From now on a snapshot is made. */
  beginSaving(): void {
    this.numbers.clear();
  }

  numberOf(port: Port): number {
    const known = this.numbers.get(port) ?? this.numbers.size;
    this.numbers.set(port, known);
    return known;
  }

  /** Ports that have a number, in the order of those. */
  get numbered(): readonly Port[] {
    return [...this.numbers.keys()];
  }
}
