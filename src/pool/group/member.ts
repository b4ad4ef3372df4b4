// A member of a group on a pool, as its users have it.

import type { Value } from '../../runtime/heap/ref.ts';
import type { MemberOutcome } from '../../talk/members/member.ts';
import { deferred } from '../line/deferred.ts';

/** One VM of a group on a pool. */
export class PoolMember {
  private ended: MemberOutcome | undefined;
  private readonly settled = deferred<readonly Value[]>();

  /** @hidden */
  constructor(
    /** Unlike all others of the group. */
    readonly name: string,
    /** Whether it has a program, which ends. */
    readonly hasProgram: boolean,
  ) {}

  /**
   * What its program has returned, once it has. Rejects with what it failed with, or with what the group ended with before. A
   * rejection that nobody looks at is no event of the process.
   */
  get result(): Promise<readonly Value[]> {
    return this.settled.promise;
  }

  /** How its program ended; undefined while it has not, as of the last slice. */
  get outcome(): MemberOutcome | undefined {
    return this.ended;
  }

  /** Nothing comes of it any more. @hidden */
  abandon(error: Error): void {
    this.settled.reject(error);
  }

  /** @hidden */
  endedAs(outcome: MemberOutcome): void {
    if (this.ended !== undefined) return;
    this.ended = outcome;
    if (outcome.status === 'failed') this.settled.reject(outcome.error);
    else this.settled.resolve(outcome.status === 'returned' ? outcome.values : []);
  }
}
