// The ports and topics of a group, within its limits.

import { LimitError } from '../spec/errors.ts';
import type { Want } from './handles.ts';
import { opposite, Port, type PortBounds } from './port.ts';
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
export const defaultGroupLimits: GroupLimits = { members: 10_000, ports: 100_000, portBytes: 2 ** 30, topics: 1000 };

/** A message of no bytes counts for something, too. */
const messageCost = 64;
const costOf = ({ bytes, messages }: PortBounds): number => bytes + messages * messageCost;

export class Ports {
  private readonly all = new Set<Port>();
  private readonly byName = new Map<string, Topic>();
  private bytes = 0;
  private next = 0;

  constructor(readonly limits: GroupLimits) {}

  get list(): readonly Port[] {
    return [...this.all];
  }

  /** Undefined where there would be too many, or too much in them. */
  make(bounds: PortBounds, name?: string): Port | undefined {
    const cost = costOf(bounds);
    if (this.all.size >= this.limits.ports || this.bytes + cost > this.limits.portBytes) return undefined;
    const id = this.next++;
    const port = new Port(id, name ?? `port ${id}`, bounds, () => {
      if (this.all.delete(port)) this.bytes -= cost;
    });
    this.bytes += cost;
    this.all.add(port);
    return port;
  }

  /** Throws LimitError. */
  makeOrThrow(bounds: PortBounds, name?: string): Port {
    const port = this.make(bounds, name);
    if (port !== undefined) return port;
    const { ports, portBytes } = this.limits;
    throw this.all.size >= ports
      ? new LimitError(`the group has ${ports} ports`, { limit: 'ports', value: ports })
      : new LimitError(`the group's ports would hold more than ${portBytes} bytes`, {
          limit: 'portBytes',
          value: portBytes,
        });
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
    return [...this.byName.values()];
  }

  /** Undefined where there are too many. */
  topic(name: string): Topic | undefined {
    const known = this.byName.get(name);
    if (known !== undefined) return known;
    // Nobody listens to those that were only asked for.
    if (this.byName.size >= this.limits.topics)
      for (const topic of this.topics) if (topic.listeners().length === 0) this.byName.delete(topic.name);
    if (this.byName.size >= this.limits.topics) return undefined;
    const topic = new Topic(name);
    this.byName.set(name, topic);
    return topic;
  }
}

const tooMany = (limit: 'members' | 'topics', value: number): LimitError =>
  new LimitError(`the group has ${value} ${limit}`, { limit, value });

/** Whether the host, who has hold of the other end, could end the waiting. */
export const isHostAt = ({ port, side }: Want): boolean => port.isHeldByHost(opposite(side));
