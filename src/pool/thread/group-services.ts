// Calls of services by members of a group: who has asked what, until the main thread has the answer.

import type { HostContext, HostFunction } from '../../host/define.ts';
import type { Value } from '../../runtime/heap/ref.ts';
import type { Module } from '../../runtime/module/module.ts';
import { cut } from '../../spec/told.ts';
import type { ValType } from '../../spec/types.ts';
import type { MemberAnswer, MemberCall } from '../told/group.ts';
import { pack } from '../told/parcel.ts';
import { checkLeaving } from '../told/values.ts';
import { valuesOf } from './answer.ts';
import { serviceImports } from './service-imports.ts';

/** A call without an answer; a member has one at a time. */
interface Pending {
  readonly id: number;
  readonly types: readonly ValType[];
  resolve(values: unknown): void;
  reject(error: unknown): void;
}

export class MemberServices {
  private readonly pending = new Map<string, Pending>();
  private calls: MemberCall[] = [];

  constructor(
    private readonly names: readonly string[],
    /** Somebody has asked. */
    private readonly ring: () => void,
  ) {}

  /** Whether a member waits for one. */
  isAsking(member: string): boolean {
    return this.pending.has(member);
  }

  /** What the module imports of the services, as the member has it. */
  imports(member: string, module: Module): Readonly<Record<string, Readonly<Record<string, HostFunction>>>> {
    const bodyOf = (service: string) => (name: string, results: readonly ValType[]) => {
      const call = { member, module: service, name };
      return (...given: unknown[]) => {
        const { callId } = given.pop() as HostContext;
        return this.ask({ ...call, id: callId as number }, given as Value[], results);
      };
    };
    return Object.fromEntries(
      this.names.map((service) => [service, serviceImports(service, [module], bodyOf(service))]),
    );
  }

  private ask(call: Omit<MemberCall, 'args'>, args: readonly Value[], types: readonly ValType[]): Promise<unknown> {
    const what = `${cut(call.module)}.${cut(call.name)}`;
    checkLeaving(args, `argument of ${what}`);
    this.calls.push({ ...call, args: pack(args, `arguments of ${what}`) });
    this.ring();
    return new Promise((resolve, reject) => {
      this.pending.set(call.member, { id: call.id, types, resolve, reject });
    });
  }

  /** Throws nothing: what is no result of the import's type is the service's error. */
  take({ member, answer }: MemberAnswer): void {
    const pending = this.pending.get(member);
    if (pending?.id !== answer.id) return;
    this.pending.delete(member);
    try {
      const values = valuesOf(answer, pending.types);
      pending.resolve(values.length === 1 ? values[0] : values);
    } catch (error) {
      pending.reject(error);
    }
  }

  /** The member has ended. */
  forget(member: string): void {
    this.pending.delete(member);
  }

  get hasMade(): boolean {
    return this.calls.length > 0;
  }

  /** Calls since the last time. */
  made(): readonly MemberCall[] {
    const { calls } = this;
    this.calls = [];
    return calls;
  }
}
