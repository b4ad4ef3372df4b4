// Who in a group has hold of which ports, and what may not be told apart: what it takes to split a group into parts.

import type { Port, Side } from './ports/port.ts';
import { costOf } from './ports/ports.ts';
import type { Parts } from './saved/saving.ts';
import { mostCrossing } from './threads/crossing.ts';

/** An end of a port, by the port's number in the list. */
export type HeldBy = readonly [port: number, side: Side];

export interface MemberPlace {
  readonly name: string;
  readonly fuelUsed: number;
  /** Of that, since it was made or restored. */
  readonly fuelOfLate: number;
  readonly holds: readonly HeldBy[];
  /** How often it has called others since then. */
  readonly called: readonly (readonly [member: string, times: number])[];
}

export interface PortPlace {
  readonly name: string;
  /** What it counts for among all. */
  readonly cost: number;
  /** How often it was sent to and received from. */
  readonly traffic: number;
  /** All who have hold of it have to be on one thread. */
  readonly isLocal: boolean;
  /** Ends that are in its messages. */
  readonly carries: readonly HeldBy[];
}

export interface TopicPlace {
  readonly name: string;
  /** By their numbers. */
  readonly ports: readonly number[];
  /** How often members have published. */
  readonly publishers: readonly (readonly [member: string, times: number])[];
}

export interface Topology {
  readonly members: readonly MemberPlace[];
  readonly ports: readonly PortPlace[];
  readonly topics: readonly TopicPlace[];
}

export function topologyOf({ turns, ports }: Parts): Topology {
  const { list } = ports;
  const numbers = new Map(list.map((port, i) => [port, i]));
  const heldBy = (ends: Iterable<{ readonly port: Port; readonly side: Side }>): HeldBy[] =>
    [...ends].flatMap(({ port, side }) => {
      const number = numbers.get(port);
      return number === undefined ? [] : [[number, side] as const];
    });
  return {
    members: turns.list.map((member) => ({
      name: member.name,
      fuelUsed: member.fuelUsed,
      fuelOfLate: member.fuelUsed - member.usedBefore,
      holds: heldBy(member.handles?.all ?? []),
      called: [...member.called],
    })),
    ports: list.map((port) => ({
      name: port.name,
      cost: costOf(port.bounds),
      traffic: port.traffic,
      isLocal: port.bounds.bytes > mostCrossing.bytes || port.bounds.messages > mostCrossing.messages,
      carries: heldBy(port.messages.flatMap(({ ends }) => ends)),
    })),
    topics: ports.topics.map((topic) => ({
      name: topic.name,
      ports: topic.listeners().flatMap((port) => numbers.get(port) ?? []),
      publishers: [...topic.publishers],
    })),
  };
}
