// What a group does in one go: a slice of each of its parts, at the same time where there are threads; and a copy of each once all
// have come to rest, where one is wanted.

import type { Lost } from '../job/threads.ts';
import type { GroupEnd, GroupReply, GroupState, GroupTask } from '../told/group.ts';
import type { GroupPart } from './part.ts';

type At = GroupTask['at'];

/** What goes with it, of what the main thread has asked of the group. */
export interface Wished extends Pick<GroupTask, 'acts' | 'sends' | 'wants' | 'answers'> {
  /** How many copies are to be had of what it comes to. */
  readonly copies: number;
}
export const nothing: Wished = { acts: [], sends: [], wants: [], answers: [], copies: 0 };

export class Round {
  /** What its slices are told, once the first begins. */
  wished: Wished | undefined;
  at: At = 'keep';
  /** Nobody runs: it is to be here, to be split. */
  isToSplit = false;
  /** Those that have no slice yet are to be over soon. */
  isEnding = false;
  /** A thread is gone, and with it what its part came to. */
  lost: Lost | undefined;
  private readonly left: Set<GroupPart>;
  private readonly replies: GroupReply[] = [];
  private hasBegun = false;

  constructor(
    readonly parts: readonly GroupPart[],
    /** Members run; or only a copy is made. */
    readonly kind: 'slice' | 'cut',
    /** The slices before, of a cut. */
    readonly before?: Round,
  ) {
    this.left = new Set(parts);
  }

  get isBegun(): boolean {
    return this.hasBegun || this.before !== undefined;
  }

  begin(): void {
    this.hasBegun = true;
  }

  /** Returns whether all are over. */
  took(part: GroupPart, reply: GroupReply | Lost): boolean {
    this.left.delete(part);
    if (!('lost' in reply)) this.replies.push(reply);
    else this.lost ??= reply;
    return this.left.size === 0;
  }

  /** Whether the thread with what was lost had begun, or others have. */
  get loss(): Lost | undefined {
    const { lost } = this;
    return lost && { ...lost, begun: lost.begun || this.replies.length > 0 || this.before !== undefined };
  }

  private get all(): readonly GroupReply[] {
    return [...(this.before?.all ?? []), ...this.replies];
  }

  get reply(): Omit<GroupReply, 'end' | 'state' | 'farCalls' | 'compiled'> {
    const { all } = this;
    return {
      done: all.flatMap(({ done }) => done),
      received: all.flatMap(({ received }) => received),
      calls: all.flatMap(({ calls }) => calls),
      ended: all.flatMap(({ ended }) => ended),
      joins: all.flatMap(({ joins }) => joins),
      topics: all.flatMap(({ topics }) => topics),
      mustJoin: all.some(({ mustJoin }) => mustJoin),
      failure: all.map(({ failure }) => failure).find((failure) => failure !== undefined),
      fuel: all.reduce((sum, { fuel }) => sum + fuel, 0),
    };
  }

  /** What all parts are together, where they were copied. */
  stateOf(members: readonly string[]): GroupState | { readonly error: GroupStateError } | undefined {
    const pieces: GroupState['pieces'][number][] = [];
    for (const { state } of this.replies) {
      if (state === undefined) return undefined;
      if ('error' in state) return state;
      pieces.push(state);
    }
    return { pieces, members };
  }

  /** Of the slices. */
  get end(): GroupEnd {
    const replies = this.before?.replies ?? this.replies;
    const gone = this.all.find(({ end }) => end.kind === 'gone');
    if (gone !== undefined) return gone.end;
    const ends = replies.map(({ end }) => end);
    const [first] = ends;
    if (first !== undefined && ends.length === 1) return first;
    const telling = ends.find(({ kind }) => kind === 'failed') ?? ends.find(({ kind }) => kind === 'rested');
    if (telling !== undefined) return telling;
    const idle = ends.filter((end) => end.kind === 'idle');
    if (idle.length === 0) return { kind: 'ended' };
    return {
      kind: 'idle',
      until: Math.min(...idle.map(({ until }) => until)),
      isStuck: idle.every(({ isStuck }) => isStuck),
    };
  }
}

type GroupStateError = Extract<NonNullable<GroupReply['state']>, { error: unknown }>['error'];

/** Whether a part that has come to this has nothing to tell, so that others may go on without it. */
export const isQuiet = ({ end, received, calls, done, joins, topics, mustJoin, failure }: GroupReply): boolean =>
  (end.kind === 'idle' || end.kind === 'ended') &&
  [received, calls, done, joins, topics].every(({ length }) => length === 0) &&
  !mustJoin &&
  failure === undefined;
