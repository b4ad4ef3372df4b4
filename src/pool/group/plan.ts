// Which members of a group go together, and on which of so many threads: those that talk most with each other, as far as all
// threads get about as much to do.

import { mostListening } from '../../talk/threads/publishing.ts';
import type { TopicPlace, Topology } from '../../talk/topology.ts';
import type { MemberImports } from '../told/group.ts';

/** Where everything of a group is, by name: in one of so many parts. */
export interface Plan {
  readonly parts: number;
  readonly members: ReadonlyMap<string, number>;
  /** Where a port is received from. */
  readonly ports: ReadonlyMap<string, number>;
  /** Other parts that send to it, where there are any. */
  readonly outlets: ReadonlyMap<string, readonly number[]>;
  /** Of these, those that topics send to: from all parts. */
  readonly ofTopics: ReadonlySet<string>;
  /** Parts with members that may call those of others, or be called by them. */
  readonly calling: ReadonlySet<number>;
  /** What all ports count for. */
  readonly portBytes: number;
}

/** What is known besides of who belongs together, and of how much each has to do. */
export interface Hints {
  readonly imports: ReadonlyMap<string, MemberImports>;
  /** Ports that must not cross, and members that publish to such. */
  readonly local: ReadonlySet<string>;
  readonly topics: ReadonlySet<string>;
  /** What a member has used of late. */
  loadOf(member: string): number;
}

/** Things that are to be together. */
class Sets {
  private readonly above: number[];

  constructor(size: number) {
    this.above = Array.from({ length: size }, (_, i) => i);
  }

  of(one: number): number {
    let at = one;
    while (this.above[at] !== at) {
      const next = this.above[at] as number;
      this.above[at] = this.above[next] as number;
      at = next;
    }
    return at;
  }

  join(a: number, b: number): void {
    this.above[this.of(b)] = this.of(a);
  }
}

/** Undefined where all are one. */
export function planOf({ members, ports, topics: heard }: Topology, most: number, hints: Hints): Plan | undefined {
  // Members first, then ports; last the topics that do not reach all parts.
  const portAt = members.length;
  const topics = portAt + ports.length;
  const sets = new Sets(topics + 1);
  const places = new Map(members.map(({ name }, i) => [name, i]));
  /** By port: who sends to it, members and ports in whose messages an end is. */
  const senders: number[][] = ports.map(() => []);
  members.forEach(({ name, holds, called, fuelOfLate }, member) => {
    for (const [port, side] of holds) {
      if (side === 'receive') sets.join(portAt + port, member);
      else senders[port]?.push(member);
    }
    if (hints.topics.has(name)) sets.join(topics, member);
    for (const [callee, times] of called) {
      const other = places.get(callee);
      const fuel = fuelOfLate + (other === undefined ? 0 : (members[other]?.fuelOfLate ?? 0));
      if (other !== undefined && isTight(times, fuel)) sets.join(member, other);
    }
  });
  ports.forEach(({ carries }, port) => {
    for (const [along, side] of carries)
      if (side === 'receive') sets.join(portAt + port, portAt + along);
      else senders[along]?.push(portAt + port);
  });
  const listening = new Set(heard.flatMap((topic) => topic.ports));
  const received = new Set(members.map((_, member) => sets.of(member)));
  const ofTopics = new Set<string>();
  ports.forEach(({ name, isLocal }, port) => {
    const from = senders[port] as number[];
    const isOfTopic = listening.has(port);
    const isTogether =
      isLocal || hints.local.has(name) || (isOfTopic && (from.length > 0 || listening.size > mostListening));
    if (isOfTopic && isTogether) sets.join(topics, portAt + port);
    else if (isOfTopic) ofTopics.add(name);
    if (isTogether) for (const sender of from) sets.join(sender, portAt + port);
    // What only the host receives from is where it is sent from.
    else if (from[0] !== undefined && !received.has(sets.of(portAt + port))) sets.join(from[0], portAt + port);
  });
  const partOf = spread(
    members.map(({ name }) => hints.loadOf(name)),
    (one) => sets.of(one),
    [
      ...ports.flatMap(({ traffic }, port) =>
        (senders[port] as number[]).map((from): Edge => [sets.of(from), sets.of(portAt + port), traffic + 1]),
      ),
      ...members.flatMap(({ called }, member) =>
        called.flatMap(([name, times]): Edge[] => {
          const callee = places.get(name);
          return callee === undefined ? [] : [[sets.of(member), sets.of(callee), 2 * times]];
        }),
      ),
      ...heard
        .flatMap((topic) => published(topic, places))
        .map(([from, port, times]): Edge => [sets.of(from), sets.of(portAt + port), times]),
    ],
    most,
  );
  const parts = Math.max(0, ...partOf.values()) + 1;
  if (parts === 1) return undefined;
  const part = (one: number): number => partOf.get(sets.of(one)) ?? 0;
  const homes = ports.map((_, port) => part(portAt + port));
  return {
    parts,
    members: new Map(members.map(({ name }, member) => [name, part(member)])),
    ports: new Map(ports.map(({ name }, port) => [name, homes[port] as number])),
    ofTopics,
    calling: new Set(
      members.flatMap(({ name }, member) =>
        (hints.imports.get(name)?.calls ?? []).flatMap(([, callee]) => {
          const called = places.get(callee);
          return called === undefined || part(called) === part(member) ? [] : [part(member), part(called)];
        }),
      ),
    ),
    portBytes: ports.reduce((sum, { cost }) => sum + cost, 0),
    outlets: new Map(
      ports.flatMap(({ name }, port) => {
        const all = Array.from({ length: parts }, (_, i) => i);
        const others = new Set(ofTopics.has(name) ? all : (senders[port] as number[]).map(part));
        others.delete(homes[port] as number);
        return others.size === 0 ? [] : [[name, [...others]]];
      }),
    ),
  };
}

/** What a call of a member in another part costs more, as fuel; and what that may be of what both do. Few calls tell nothing. */
const callFuel = 3000;
const mostForCalls = 0.2;
const leastCalls = 10;
/** Whether those who make so many calls, and have used so much fuel meanwhile, had better be together. */
export const isTight = (calls: number, fuel: number): boolean =>
  calls >= leastCalls && calls * callFuel > mostForCalls * fuel;

/** Two sets, and how much goes between them. */
type Edge = readonly [a: number, b: number, weight: number];

/** Of a topic that more talk by it is not looked at who does. */
const mostPairs = 10_000;

/** Members that publish, ports that hear it, and how often. */
function published({ ports, publishers }: TopicPlace, places: ReadonlyMap<string, number>): Edge[] {
  if (ports.length * publishers.length > mostPairs) return [];
  return publishers.flatMap(([name, times]) => {
    const from = places.get(name);
    return from === undefined ? [] : ports.map((port): Edge => [from, port, times]);
  });
}

/** Neighbours that are looked at for the one that talks most with those that are in a part already. */
const lookAhead = 64;

/** Part by set. One part after the other takes sets that talk with those that it has, until it has its share. */
function spread(
  loads: readonly number[],
  setOf: (member: number) => number,
  edges: readonly Edge[],
  most: number,
): ReadonlyMap<number, number> {
  const load = new Map<number, number>();
  loads.forEach((each, member) => {
    load.set(setOf(member), (load.get(setOf(member)) ?? 0) + each);
  });
  const near = new Map<number, Map<number, number>>();
  for (const [a, b, weight] of edges)
    if (a !== b)
      for (const [from, to] of [
        [a, b],
        [b, a],
      ] as const) {
        const of = near.get(from) ?? new Map<number, number>();
        near.set(from, of.set(to, (of.get(to) ?? 0) + weight));
      }
  const parts = new Map<number, number>();
  // The heaviest first: what is too much for a part has one of its own.
  const left = new Set([...load.keys()].sort((a, b) => (load.get(b) as number) - (load.get(a) as number)));
  let total = [...load.values()].reduce((sum, each) => sum + each, 0);
  for (let part = 0; part < most && left.size > 0; part++) {
    const share = total / (most - part);
    let taken = 0;
    const gains = new Map<number, number>();
    while (left.size > 0 && (part === most - 1 || taken < share)) {
      const next = best(gains) ?? (left.values().next().value as number);
      const more = load.get(next) as number;
      // Rather a little less than much more, where others still come.
      if (part < most - 1 && taken > 0 && taken + more - share > share - taken) break;
      gains.delete(next);
      left.delete(next);
      parts.set(next, part);
      taken += more;
      for (const [other, weight] of near.get(next) ?? [])
        if (left.has(other)) gains.set(other, (gains.get(other) ?? 0) + weight);
    }
    total -= taken;
  }
  return parts;
}

function best(gains: ReadonlyMap<number, number>): number | undefined {
  let found: number | undefined;
  let [most, looked] = [-1, 0];
  for (const [set, gain] of gains) {
    if (gain > most) [found, most] = [set, gain];
    if (++looked === lookAhead) break;
  }
  return found;
}
