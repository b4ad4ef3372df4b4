// A group whose members are on several threads at a time: what each part is told of the others, and which part is asked for what.

import { BridgeMemory } from '../../talk/threads/memory.ts';
import type { EndId, GroupOrigin, GroupReply, GroupState, GroupTask, HeldEnd } from '../told/group.ts';
import type { Plan } from './plan.ts';

type Wished = Pick<GroupTask, 'acts' | 'sends' | 'wants' | 'answers'>;

/** What goes to threads together. */
export interface Split {
  readonly parts: number;
  /** What a part begins with. */
  origin(state: GroupState, part: number): GroupOrigin;
  /** What of all that is wished is for a part. */
  wished(all: Wished, part: number): Wished;
  /** What a part has told. */
  learn(reply: GroupReply, part: number): void;
  /** These are to have a slice. */
  begin(parts: readonly number[]): void;
  /** Between two rounds: whether parts have something to do that others did. */
  readonly isAwaited: boolean;
}

const lowestOf = (ends: readonly HeldEnd[]): EndId => Math.min(0, ...ends.map(({ id }) => id));
const endsOf = ({ pieces }: GroupState): readonly HeldEnd[] => pieces.flatMap(({ ends }) => ends);

/** All of it on one thread. */
export const whole: Split = {
  parts: 1,
  origin: (state) => ({ ...state, bridge: undefined, ends: endsOf(state), lowestEnd: lowestOf(endsOf(state)) }),
  wished: (all) => all,
  learn: () => {},
  begin: () => {},
  isAwaited: false,
};

export class SplitGroup implements Split {
  private readonly memory: BridgeMemory;
  private readonly ends = new Map<EndId, number>();

  constructor(
    private readonly plan: Plan,
    state: GroupState,
    /** Members that are where topics are that do not reach all parts. */
    private readonly topics: ReadonlySet<string>,
  ) {
    const crossings = [...plan.outlets].map(([name, outlets]) => ({
      ...{ name, inlet: plan.ports.get(name) ?? 0, outlets },
      isOfTopic: plan.ofTopics.has(name),
    }));
    this.memory = new BridgeMemory(plan.parts, crossings, plan.calling, {
      ports: plan.ports.size,
      bytes: plan.portBytes,
    });
    for (const { id, port } of endsOf(state)) this.ends.set(id, plan.ports.get(port) ?? 0);
  }

  get parts(): number {
    return this.plan.parts;
  }

  origin(state: GroupState, part: number): GroupOrigin {
    const { plan, memory } = this;
    const of = (places: ReadonlyMap<string, number>) =>
      new Set([...places].flatMap(([name, place]) => (place === part ? [name] : [])));
    const { parts, words, rings, crossings } = memory;
    const all = endsOf(state);
    return {
      ...state,
      bridge: {
        part,
        parts,
        words,
        rings,
        crossings,
        ports: of(plan.ports),
        members: plan.members,
        topics: this.topics,
      },
      ends: all.filter(({ id }) => this.ends.get(id) === part),
      lowestEnd: lowestOf(all),
    };
  }

  wished({ acts, sends, wants, answers }: Wished, part: number): Wished {
    // What is asked of all was asked while they were together.
    const isHere = (act: GroupTask['acts'][number]) =>
      'end' in act ? this.partOf(act.end) === part : act.kind === 'cancel' && this.memberAt(act.member) === part;
    // A clone is where the end is that it is made of.
    for (const act of acts) if (act.kind === 'clone') this.ends.set(act.as, this.partOf(act.end));
    return {
      acts: acts.filter(isHere),
      sends: sends.filter(({ end }) => this.partOf(end) === part),
      wants: wants.filter(([end]) => this.partOf(end) === part),
      answers: answers.filter(({ member }) => this.memberAt(member) === part),
    };
  }

  private partOf(end: EndId): number {
    return this.ends.get(end) ?? 0;
  }

  private memberAt(member: string): number {
    return this.plan.members.get(member) ?? 0;
  }

  learn({ received }: GroupReply, part: number): void {
    for (const { messages } of received)
      for (const { ends } of messages) for (const { id } of ends) this.ends.set(id, part);
  }

  begin(parts: readonly number[]): void {
    this.memory.begin(parts);
  }

  get isAwaited(): boolean {
    return this.memory.awaited.length > 0;
  }
}
