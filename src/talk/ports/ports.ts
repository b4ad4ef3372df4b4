// The ports and topics of a group, within its limits.

import { LimitError, UsageError } from '../../spec/errors.ts';
import { quoted } from '../../spec/told.ts';
import { type Message, Port, type PortBounds, sides } from './port.ts';
import { Topic } from './topic.ts';

/** What the members of a group may have together. */
export interface GroupLimits {
  /** Members; 10,000 unless told. */
  readonly members: number;
  /** Ports; 100,000 unless told. */
  readonly ports: number;
  /** Bytes that all ports can hold, full; 1 GiB unless told. */
  readonly portBytes: number;
  /** Topics; 1,000 unless told. */
  readonly topics: number;
}
/** What the members of a group may have together, unless told. */
export const defaultGroupLimits: GroupLimits = { members: 10_000, ports: 100_000, portBytes: 2 ** 30, topics: 1000 };

/** Makes a port. */
type PortKind = (name: string, bounds: PortBounds, gone: () => void) => Port;
const ownPort: PortKind = (name, bounds, gone) => new Port(name, bounds, gone);

/** A message of no bytes counts for something, too. */
const messageCost = 64;
export const costOf = ({ bytes, messages }: PortBounds): number => bytes + messages * messageCost;

/** How many ports there are, and what they count for. */
export interface Tally {
  readonly ports: number;
  /** Counts one more; false where that would be too many, or too much. */
  take(bytes: number, limits: GroupLimits): boolean;
  give(bytes: number): void;
}

class OwnTally implements Tally {
  ports = 0;
  private bytes = 0;

  take(bytes: number, limits: GroupLimits): boolean {
    if (this.ports >= limits.ports || this.bytes + bytes > limits.portBytes) return false;
    this.ports++;
    this.bytes += bytes;
    return true;
  }

  give(bytes: number): void {
    this.ports--;
    this.bytes -= bytes;
  }
}

export class Ports {
  private readonly byName = new Map<string, Port>();
  private readonly topicsByName = new Map<string, Topic>();
  /** Of the next port without a name; those between are for other parts of the group. */
  private next = 0;
  private step = 1;

  constructor(
    readonly limits: GroupLimits,
    private readonly tally: Tally = new OwnTally(),
  ) {}

  /** Ports that are made here from now on are numbered so: others number theirs in between. */
  numberFrom(next: number, step: number): void {
    this.next = next;
    this.step = step;
  }

  get list(): readonly Port[] {
    return [...this.byName.values()];
  }

  /** As if it had not been taken out. */
  putBack(name: string, message: Message): void {
    const port = this.byName.get(name);
    if (port !== undefined && port.receivers > 0) port.unshift(message);
    else for (const end of message.ends) end.release();
  }

  /** Undefined where there would be too many, or too much in them. Its name, unless told, is one that no other has. */
  make(bounds: PortBounds, name = this.numbered('port')): Port | undefined {
    const cost = costOf(bounds);
    if (!this.tally.take(cost, this.limits)) {
      // Topics still have hold of the ports of those who do not listen any more.
      for (const topic of this.topics) topic.listeners();
      for (const port of this.lost) port.clear();
      if (!this.tally.take(cost, this.limits)) return undefined;
    }
    return this.makeCounted(bounds, name);
  }

  /** One that is counted already: here, where it counts until it is gone, or elsewhere. */
  makeCounted(bounds: PortBounds, name: string, kind: PortKind = ownPort): Port {
    const port = kind(name, bounds, () => {
      if (this.byName.delete(name) && port.isHere) this.tally.give(costOf(bounds));
    });
    this.byName.set(name, port);
    return port;
  }

  /** Ports of which the host has hold, or would have once it had received all that it can. */
  get atHost(): ReadonlySet<Port> {
    const found = new Set(this.list.filter((port) => sides.some((side) => port.isHeldByHost(side))));
    // A set goes on over what is added meanwhile.
    const received = new Set(this.list.filter((port) => port.isHeldByHost('receive')));
    for (const port of received)
      for (const { port: along, side } of port.messages.flatMap(({ ends }) => ends)) {
        found.add(along);
        if (side === 'receive') received.add(along);
      }
    return found;
  }

  /** Those that nobody will ever receive from: their receivers are in messages of ports of which the same is true. */
  private get lost(): readonly Port[] {
    const within = new Map<Port, number>();
    for (const port of this.list) for (const each of receiversIn(port)) within.set(each, (within.get(each) ?? 0) + 1);
    const found = new Set(this.list.filter((port) => port.receivers > (within.get(port) ?? 0)));
    for (const port of found) for (const each of receiversIn(port)) found.add(each);
    return this.list.filter((port) => !found.has(port));
  }

  /** Throws LimitError, and UsageError where another one has the name. */
  makeOrThrow(bounds: PortBounds, name?: string): Port {
    if (name !== undefined && this.byName.has(name)) throw new UsageError(`there is a port ${quoted(name)} already`);
    const port = this.make(bounds, name);
    if (port !== undefined) return port;
    const { ports, portBytes } = this.limits;
    throw this.tally.ports >= ports
      ? tooMany('ports', ports)
      : new LimitError(`the group's ports would hold more than ${portBytes} bytes`, {
          limit: 'portBytes',
          value: portBytes,
        });
  }

  /** A name that no port has: this one, or with a number. */
  free(name: string): string {
    return this.byName.has(name) ? this.numbered(name) : name;
  }

  private numbered(name: string): string {
    while (this.byName.has(`${name} ${this.next}`)) this.next += this.step;
    this.next += this.step;
    return `${name} ${this.next - this.step}`;
  }

  /** Throws LimitError. */
  checkMembers(count: number): void {
    if (count > this.limits.members) throw tooMany('members', this.limits.members);
  }

  /** Throws LimitError. */
  topicOrThrow(name: string): Topic {
    const topic = this.topic(name);
    if (topic === undefined) throw tooMany('topics', this.limits.topics);
    return topic;
  }

  get topics(): readonly Topic[] {
    return [...this.topicsByName.values()];
  }

  /** Undefined where there are too many. */
  topic(name: string): Topic | undefined {
    const known = this.topicsByName.get(name);
    if (known !== undefined) return known;
    // Nobody listens to those that were only asked for.
    if (this.topicsByName.size >= this.limits.topics)
      for (const topic of this.topics) if (topic.listeners().length === 0) this.topicsByName.delete(topic.name);
    if (this.topicsByName.size >= this.limits.topics) return undefined;
    const topic = new Topic(name);
    this.topicsByName.set(name, topic);
    return topic;
  }
}

/** Ports whose receivers are on their way in a port's messages. */
const receiversIn = (port: Port): Port[] =>
  port.messages.flatMap(({ ends }) => ends.flatMap((end) => (end.side === 'receive' ? [end.port] : [])));

const tooMany = (limit: 'members' | 'ports' | 'topics', value: number): LimitError =>
  new LimitError(`the group has ${value} ${limit}`, { limit, value });
