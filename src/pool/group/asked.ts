// Calls of services by members of a group, on the main thread: each is asked once, however often the member asks again because it
// was moved or its thread died.

import { type Asker, answerOf } from '../job/asking.ts';
import type { MemberAnswer, MemberCall } from '../told/group.ts';
import type { Answer } from '../told/protocol.ts';
import type { BoundService } from '../told/services.ts';

/** A member's last call. */
interface Asked {
  readonly id: number;
  /** Nobody waits for it any more. */
  readonly over: AbortController;
  giveUp: () => void;
  answer: Answer | undefined;
}

export class AskedServices {
  private readonly asked = new Map<string, Asked>();
  /** Answers that the group has not been told. */
  private readonly fresh = new Map<string, Answer>();

  constructor(
    private readonly services: ReadonlyMap<string, BoundService>,
    private readonly identity: string,
    private readonly timeout: number | undefined,
    /** There is an answer. */
    private readonly told: () => void,
  ) {}

  take(call: MemberCall): void {
    const before = this.asked.get(call.member);
    if (before?.id === call.id) {
      if (before.answer !== undefined) this.fresh.set(call.member, before.answer);
      return;
    }
    const asked: Asked = { id: call.id, over: new AbortController(), giveUp: () => {}, answer: undefined };
    this.asked.set(call.member, asked);
    void answerOf(this.askerOf(call.member, asked), call).then((answer) => {
      if (this.asked.get(call.member) !== asked) return;
      asked.answer = answer;
      this.fresh.set(call.member, answer);
      this.told();
    });
  }

  private askerOf(member: string, to: Asked): Asker {
    const { services, timeout } = this;
    const asked = (giveUp: () => void) => {
      to.giveUp = giveUp;
    };
    return { services, timeout, job: `${this.identity}/${member}`, signal: to.over.signal, asked };
  }

  /** Answers that are to be told, until `were` says that they have been. */
  get answers(): readonly MemberAnswer[] {
    return [...this.fresh].map(([member, answer]) => ({ member, answer }));
  }

  were(answers: readonly MemberAnswer[]): void {
    for (const { member, answer } of answers) if (this.fresh.get(member) === answer) this.fresh.delete(member);
  }

  get hasNews(): boolean {
    return this.fresh.size > 0;
  }

  /** The member has ended. */
  forget(member: string): void {
    const asked = this.asked.get(member);
    this.asked.delete(member);
    this.fresh.delete(member);
    if (asked === undefined || asked.answer !== undefined) return;
    asked.over.abort();
    asked.giveUp();
  }

  forgetAll(): void {
    for (const member of [...this.asked.keys()]) this.forget(member);
  }
}
