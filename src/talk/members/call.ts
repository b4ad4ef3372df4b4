// A call from one VM to another, as the group keeps it.

import type { Value } from '../../runtime/heap/ref.ts';
import type { Module } from '../../runtime/module/module.ts';
import { quoted } from '../../spec/told.ts';
import { PeerError } from '../errors.ts';

/** What came of a call. */
export type Answer = { readonly values: readonly Value[] } | { readonly error: Error };

/** A call that was made and is not over: it waits for its callee, is under way there, or has an answer. */
export class Call {
  answer: Answer | undefined;
  /** The caller was suspended for it. */
  isAwaited = false;

  constructor(
    readonly id: number,
    /** Names of members. */
    readonly caller: string,
    readonly callee: string,
    /** Of the callee's exports. */
    readonly name: string,
    readonly args: readonly Value[],
  ) {}
}

/** What a group does about calls. */
export interface CallsOf {
  /** The call that a member waits for. */
  callOf(member: string): Call | undefined;
  /** Takes a call in: it may be answered at once. */
  begin(caller: string, target: Target, args: readonly Value[]): Call;
  /** The caller has the answer. */
  end(call: Call): void;
  /** What a member called for is of no use any more. */
  forget(caller: string): void;
  /** A member would have to wait: others have their turns, until what it waits for is there, which is returned; or not. */
  meanwhile(isThere: () => boolean): boolean;
}

/** What is called. */
export interface Target {
  readonly module: Module;
  readonly callee: string;
  readonly name: string;
}

/** What a call fails with. */
export const failed = ({ name, callee }: Pick<Call, 'name' | 'callee'>, why: string, cause?: unknown): PeerError =>
  new PeerError(`${quoted(name)} of ${quoted(callee)} ${why}`, callee, cause === undefined ? {} : { cause });
