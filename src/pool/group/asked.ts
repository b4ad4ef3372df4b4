// Calls of services by members of a group, on the main thread: each is asked once, however often the member asks again because it
// was moved or its thread died.

import type { Value } from '../../runtime/ref.ts';
import { HostError } from '../../spec/errors.ts';
import { cut } from '../../spec/told.ts';
import { toData } from '../told/errors.ts';
import type { MemberAnswer, MemberCall } from '../told/group.ts';
import { pack, unpack } from '../told/parcel.ts';
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
    void this.ask(call, asked).then((answer) => {
      if (this.asked.get(call.member) !== asked) return;
      asked.answer = answer;
      this.fresh.set(call.member, answer);
      this.told();
    });
  }

  /** Never rejects: what it throws is an answer, too, and so is a value that cannot cross. */
  private async ask({ member, id, module, name, args }: MemberCall, asked: Asked): Promise<Answer> {
    try {
      const service = this.services.get(module);
      if (service === undefined) throw new HostError(`the group has no service ${cut(module)}`);
      const which = { id, job: `${this.identity}/${member}`, signal: asked.over.signal };
      const { giveUp, answer } = service.call(name, unpack(args) as Value[], which, this.timeout);
      asked.giveUp = giveUp;
      return { id, status: 'returned', value: pack(await answer, `the answer of ${cut(module)}.${cut(name)}`) };
    } catch (error) {
      return { id, status: 'failed', error: toData(error) };
    }
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
