// Calls of members in other parts of a group. The caller's part has the call until it is over, and knows nothing of it but the
// answer; where the callee is, it waits for its turn and is done. So of a group in pieces, one says that there is a call, and the
// other one how far it is (pieces.ts).
//
// Calls that wait for each other are found by whoever makes one, or has one restored: it is followed from the callee to the call that
// this one waits for, from part to part. Each part looks whether the call by which it was come to waits there still, so that all in
// a ring wait at the same time. The last of the ring's calls that wait for their turn fails: whoever finds the ring finds the same.

import { CrashError } from '../../spec/errors.ts';
import { quoted } from '../../spec/told.ts';
import { DeadlockError, PeerError } from '../errors.ts';
import { type Answer, Call, failed } from '../members/call.ts';
import type { Member } from '../members/member.ts';
import type { Bridge } from './bridge.ts';
import { letter, readLetter } from './letters.ts';

/** What a letter is about. */
const about = { call: 0, answer: 1, failure: 2, forget: 3, follow: 4, ring: 5 } as const;
/** Bytes of a letter, which goes through any ring. */
const mostBytes = 2 ** 16;

/** A call that is followed. */
interface Followed {
  readonly id: number;
  /** Members that wait, each for the next, the first one by this call. */
  readonly path: string[];
  /** The last of their calls that wait for their turn, and who has made it. */
  last: readonly [id: number, caller: string];
}

/** What a part has of calls. */
export interface CallsHere {
  readonly members: ReadonlyMap<string, Member>;
  /** By name of the caller. */
  readonly calls: ReadonlyMap<string, Call>;
  /** A call comes in from elsewhere; it may be answered at once. */
  take(call: Call, hash: string): void;
  /** The caller can go on. */
  answered(call: Call): void;
  /** Where it waits for its turn, it does so no longer. */
  withdraw(call: Call): void;
}

export class FarCalls {
  /** How many there were. */
  made = 0;

  constructor(
    private readonly here: CallsHere,
    private readonly bridge: Bridge | undefined,
  ) {
    if (bridge !== undefined) bridge.onLetter = (what, bytes) => this.hear(what, bytes);
  }

  private partOf(member: string): number | undefined {
    const part = this.here.members.has(member) ? undefined : this.bridge?.data.members.get(member);
    return part === this.bridge?.data.part ? undefined : part;
  }

  private tell(part: number, what: number, bytes: Uint8Array): void {
    (this.bridge as Bridge).write(part, what, bytes);
  }

  /** Whether the callee is elsewhere: then it is told, or the call has its answer. */
  ask(call: Call, hash: string): boolean {
    const part = this.partOf(call.callee);
    if (part === undefined) return false;
    this.made++;
    const { id, caller, callee, name, args } = call;
    const bytes = letter([id, caller, callee, name, hash], args);
    if (bytes.length <= mostBytes) this.tell(part, about.call, bytes);
    else
      call.answer = { error: failed(call, 'cannot be called: what is called so is too long to go to another thread') };
    return true;
  }

  /** Tells a caller that is elsewhere. */
  answer({ id, caller, callee, name, answer }: Call): void {
    const part = this.partOf(caller);
    if (part === undefined || answer === undefined) return;
    if ('values' in answer) this.tell(part, about.answer, letter([id, caller], answer.values));
    else this.tell(part, about.failure, this.failure([id, caller, callee, name], answer.error));
  }

  private failure(of: readonly unknown[], error: Error): Uint8Array {
    const write = (told: Error) => letter([...of, (this.bridge as Bridge).errors.write(told)]);
    const bytes = write(error);
    return bytes.length <= mostBytes ? bytes : write(new PeerError(error.message, of[2] as string));
  }

  /** The caller waits no longer. Returns whether the callee is elsewhere. */
  forget({ id, caller, callee }: Call): boolean {
    const part = this.partOf(callee);
    if (part !== undefined) this.tell(part, about.forget, letter([id, caller, callee]));
    return part !== undefined;
  }

  /** Answers that callers elsewhere have not been told: a cut came first. */
  get untold(): readonly { readonly id: number; readonly caller: string; readonly answer: Answer }[] {
    return (this.bridge?.unwritten ?? []).flatMap(({ what, bytes }) => {
      if (what !== about.answer && what !== about.failure) return [];
      const { id, caller, answer } = this.answerIn(what, bytes);
      return [{ id, caller, answer }];
    });
  }

  private answerIn(what: number, bytes: Uint8Array): { id: number; caller: string; answer: Answer } {
    const { text, values } = readLetter(bytes);
    const [id, caller, , , error] = text as [number, string, string?, string?, string?];
    const answer = what === about.answer ? { values } : { error: (this.bridge as Bridge).errors.read(error as string) };
    return { id, caller, answer };
  }

  private hear(what: number, bytes: Uint8Array): void {
    switch (what) {
      case about.call:
        return this.heardCall(bytes);
      case about.answer:
      case about.failure: {
        const { id, caller, answer } = this.answerIn(what, bytes);
        return this.answered(id, caller, answer);
      }
      case about.forget: {
        const [id, caller, callee] = readLetter(bytes).text as [number, string, string];
        return this.here.withdraw(new Call(id, caller, callee, '', []));
      }
      case about.follow: {
        const [followed, at, via] = readLetter(bytes).text as [Followed, string, number];
        return this.followOn(followed, at, via);
      }
      case about.ring: {
        const [id, caller, path] = readLetter(bytes).text as [number, string, string[]];
        return this.isInRing(id, caller, path);
      }
      default:
        throw new CrashError(`a letter about ${what}`);
    }
  }

  private heardCall(bytes: Uint8Array): void {
    const { text, values } = readLetter(bytes);
    const [id, caller, callee, name, hash] = text as [number, string, string, string, string];
    const call = new Call(id, caller, callee, name, values);
    call.isAwaited = true;
    this.here.take(call, hash);
  }

  private answered(id: number, caller: string, answer: Answer): void {
    const call = this.here.calls.get(caller);
    if (call?.id !== id || call.answer !== undefined) return;
    call.answer = answer;
    this.here.answered(call);
  }

  // Rings

  /** Looks whether a call waits for itself. */
  follow({ id, caller, callee }: Call): void {
    this.goTo({ id, path: [caller], last: [id, caller] }, callee, id);
  }

  private goTo(followed: Followed, at: string, via: number): void {
    const part = this.partOf(at);
    if (part === undefined) return this.followOn(followed, at, via);
    const bytes = letter([followed, at, via]);
    // A chain that long is not followed: where it is a ring, and nobody goes on, the group is joined.
    if (bytes.length <= mostBytes) this.tell(part, about.follow, bytes);
  }

  /** `via`: the call by which the member is waited for. */
  private followOn({ id, path, last }: Followed, at: string, via: number): void {
    const member = this.here.members.get(at);
    const isQueued = member?.calls.some((each) => each.id === via) === true;
    if (!isQueued && member?.serving?.id !== via) return;
    const caller = path.at(-1) as string;
    const latest = isQueued && via >= last[0] ? ([via, caller] as const) : last;
    const call = this.here.calls.get(at);
    if (call === undefined || call.answer !== undefined) return;
    if (at === path[0]) return call.id === id ? this.found(path, latest) : undefined;
    // It leads to a ring of others, which will find it.
    if (path.includes(at)) return;
    this.goTo({ id, path: [...path, at], last: latest }, call.callee, call.id);
  }

  private found(path: readonly string[], [id, caller]: Followed['last']): void {
    const at = path.indexOf(caller);
    const ring = [...path.slice(at), ...path.slice(0, at)];
    const part = this.partOf(caller);
    if (part === undefined) this.isInRing(id, caller, ring);
    else this.tell(part, about.ring, letter([id, caller, ring]));
  }

  private isInRing(id: number, caller: string, ring: readonly string[]): void {
    const call = this.here.calls.get(caller);
    if (call?.id !== id || call.answer !== undefined) return;
    this.here.withdraw(call);
    this.answered(id, caller, { error: ringOf(ring) });
  }
}

/** Each calls the next, and the last one the first. */
export const ringOf = (ring: readonly string[]): DeadlockError =>
  new DeadlockError(
    `calls that wait for each other: ${[...ring, ring[0] as string].map(quoted).join(' calls ')}`,
    ring,
  );
