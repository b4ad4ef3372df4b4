// How a group is split among threads, as far as is known: what may not be told apart, what each member has to do, and whether
// that has become uneven.

import type { Topology } from '../../talk/topology.ts';
import type { GroupReply, GroupState, MemberImports } from '../told/group.ts';
import { isTight, type Plan, planOf } from './plan.ts';

/** How long it is looked at who has how much to do, in ms; doubled each time that something was made of it. */
const firstWindowMs = 500;
/** What a part may have more than the mean, as part of that. */
const mostMore = 0.3;
const firstWholeMs = 50;
/** How often that is doubled at the most. */
const mostDoubled = 5;
/** Less than this of fuel is not worth anything. */
const leastFuel = 1e7;

type Together = Pick<GroupReply, 'joins' | 'topics' | 'mustJoin'>;

export class Balance {
  /** Ports that cannot cross as they are used, and members that publish to such. */
  private readonly local = new Set<string>();
  private readonly talkers = new Set<string>();
  /** How many of both are known since the group was whole. */
  private known = 0;
  /** A member waits until the group is whole; and how often it has been joined for that. */
  private isWanted = false;
  private joins = 0;
  /** Of members, when the group was split last. */
  private used: ReadonlyMap<string, number> = new Map();
  /** By part, since it was looked at last. */
  private fuel: number[] = [];
  private calls = 0;
  private since = performance.now();
  private windowMs = firstWindowMs;
  /** All that there are belong together. */
  private isOne = false;

  constructor(
    private readonly threads: number,
    private readonly imports: ReadonlyMap<string, MemberImports>,
  ) {}

  get mayBeSplit(): boolean {
    return this.threads > 1 && !this.isOne;
  }

  /** Undefined where it cannot be, or it is not known. */
  plan(state: GroupState): Plan | undefined {
    const topology = topologyOf(state);
    if (topology === undefined) return undefined;
    const used = new Map(topology.members.map(({ name, fuelUsed }) => [name, fuelUsed]));
    const loads = new Map([...used].map(([name, fuel]) => [name, Math.max(0, fuel - (this.used.get(name) ?? 0))]));
    const mean = [...loads.values()].reduce((sum, load) => sum + load, 0) / Math.max(1, loads.size);
    this.used = used;
    this.fuel = [];
    this.calls = 0;
    this.since = performance.now();
    // What has done nothing yet may do as much as others.
    const loadOf = (member: string) => (loads.get(member) ?? 0) + mean / 4 + 1;
    const plan = planOf(topology, this.threads, {
      imports: this.imports,
      local: this.local,
      topics: this.talkers,
      loadOf,
    });
    this.isOne = plan === undefined;
    return plan;
  }

  /** It cannot be saved. */
  keepWhole(): void {
    this.isOne = true;
  }

  /** A part has used fuel, and called others. */
  note(part: number, { fuel, farCalls }: Pick<GroupReply, 'fuel' | 'farCalls'>): void {
    this.fuel[part] = (this.fuel[part] ?? 0) + fuel;
    this.calls += farCalls;
  }

  get topics(): ReadonlySet<string> {
    return new Set(this.talkers);
  }

  /** Whether all that has to be together was known when the group was split. */
  get isKnown(): boolean {
    return !this.isWanted && this.known === this.local.size + this.talkers.size;
  }

  /**
   * Ports were used in ways that cannot cross, and topics of such by members; `isNew`: something else may have changed; `mustJoin`: a
   * member can go on only once the group is whole.
   */
  keepTogether({ joins, topics, mustJoin }: Together, isNew: boolean): void {
    for (const port of joins) this.local.add(port);
    for (const member of topics) this.talkers.add(member);
    this.isWanted ||= mustJoin;
    if (isNew) this.isOne = false;
  }

  /** So long a group is whole that had to be, until it is split again, in ms: longer each time that it had to for a member. */
  get wholeMs(): number {
    return firstWholeMs * 2 ** Math.min(mostDoubled, this.joins);
  }

  /** Whether another plan is due. */
  get isOff(): boolean {
    if (!this.isKnown) return true;
    if (performance.now() - this.since < this.windowMs) return false;
    const all = this.fuel.reduce((sum, fuel) => sum + fuel, 0);
    const isUneven = all > leastFuel && Math.max(...this.fuel) > (1 + mostMore) * (all / this.fuel.length);
    const isOff = isUneven || isTight(this.calls, all);
    this.since = performance.now();
    this.fuel = [];
    this.calls = 0;
    if (isOff) this.windowMs *= 2;
    return isOff;
  }

  /** The group is whole. */
  joined(): void {
    this.known = this.local.size + this.talkers.size;
    this.fuel = [];
    if (this.isWanted) this.joins++;
    this.isWanted = false;
  }
}

/** Of all pieces; undefined where one has not told it. */
function topologyOf({ pieces }: GroupState): Topology | undefined {
  const told = pieces.flatMap(({ topology }) => topology ?? []);
  const [first] = told;
  if (first === undefined || told.length < pieces.length) return undefined;
  if (told.length === 1) return first;
  const all = pieces.flatMap(({ outlets }, piece) => {
    const away = new Set(outlets);
    return (told[piece] as Topology).ports.map((port) => ({ port, piece, isHere: !away.has(port.name) }));
  });
  const kept = new Map(all.filter(({ isHere }) => isHere).map((each) => [each.port.name, each]));
  for (const each of all) if (!kept.has(each.port.name)) kept.set(each.port.name, each);
  const numbers = new Map([...kept.keys()].map((name, i) => [name, i]));
  const numbered = (piece: number, held: Topology['members'][number]['holds']) =>
    held.map(([port, side]) => [numbers.get((told[piece] as Topology).ports[port]?.name ?? '') ?? 0, side] as const);
  const topics = told.flatMap(({ topics }, piece) =>
    topics.map(({ ports, ...topic }) => ({
      ...topic,
      ports: numbered(
        piece,
        ports.map((port) => [port, 'send']),
      ).map(([port]) => port),
    })),
  );
  return {
    topics,
    ports: [...kept.values()].map(({ port, piece }) => ({ ...port, carries: numbered(piece, port.carries) })),
    members: told.flatMap(({ members }, piece) =>
      members.map((member) => ({ ...member, holds: numbered(piece, member.holds) })),
    ),
  };
}
