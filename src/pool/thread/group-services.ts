// Calls of services by members of a group: who has asked what, until the main thread has the answer.

import { asyncHostFunction, type HostContext, type HostFunction } from '../../host/define.ts';
import type { Module } from '../../runtime/module.ts';
import type { Value } from '../../runtime/ref.ts';
import { cut } from '../../spec/told.ts';
import type { FuncType, ValType } from '../../spec/types.ts';
import { fromData } from '../told/errors.ts';
import type { MemberAnswer, MemberCall } from '../told/group.ts';
import { pack, unpack } from '../told/parcel.ts';
import { checkLeaving, resultsOf } from '../told/values.ts';

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
    const funcs = module.syntax.imports
      .filter(({ desc }) => desc.kind === 'func')
      .map(({ module: service, name }, i) => ({ service, name, type: module.context.funcs[i]?.comp as FuncType }));
    return Object.fromEntries(
      this.names.map((service) => [
        service,
        Object.fromEntries(
          funcs
            .filter((func) => func.service === service)
            .map(({ name, type }) => [name, this.function({ member, module: service, name }, type)]),
        ),
      ]),
    );
  }

  private function(call: Omit<MemberCall, 'args' | 'id'>, { params, results }: FuncType): HostFunction {
    return asyncHostFunction(params, results, (...given: unknown[]) => {
      const { callId } = given.pop() as HostContext;
      return this.ask({ ...call, id: callId as number }, given as Value[], results);
    });
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
      if (answer.status === 'failed') throw fromData(answer.error);
      const values = resultsOf(unpack(answer.value), pending.types);
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
