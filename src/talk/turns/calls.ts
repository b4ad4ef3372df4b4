// Calls from one VM to another. The caller waits, suspended, or, where the other one is free and soon done, not even that.

import { type HostContext, type HostFunction, retryHostFunction } from '../../host/define.ts';
import { ownedBy } from '../../host/module.ts';
import { NotYet } from '../../host/not-yet.ts';
import type { Value } from '../../runtime/heap/ref.ts';
import { Module } from '../../runtime/module/module.ts';
import { LinkError } from '../../spec/errors.ts';
import { aText, instanceOf } from '../../spec/options.ts';
import { quoted } from '../../spec/told.ts';
import { type FuncType, isRef } from '../../spec/types.ts';
import type { CallsOf, Target } from '../members/call.ts';
import { guests } from '../members/guest.ts';
import type { Handles } from '../members/handles.ts';
import { ringOf } from '../threads/far-calls.ts';

/** The group wakes whoever called. */
const waiting = new NotYet({});

/**
 * What a member imports to call another one: the functions that a module exports, done by the member of that name, which has
 * to be of that module. Where that is busy, the call waits. What it fails with is a PeerError, as the cause of the HostError
 * that the caller traps with.
 *
 *     group.add('math', { module: math });
 *     group.add('user', { module: user, export: 'main', imports: { math: callsTo('math', math) } });
 *
 * Throws UsageError; and LinkError where a function is linked that takes or returns references, which do not cross.
 */
export function callsTo(member: string, module: Module): Readonly<Record<string, HostFunction>> {
  aText(member, 'the name of a member');
  aModule(module, 'what it is made of');
  const functions: Record<string, HostFunction> = {};
  for (const { name, kind, type } of module.exports) {
    if (kind !== 'func') continue;
    let made: HostFunction | undefined;
    Object.defineProperty(functions, name, {
      enumerable: true,
      get() {
        made ??= functionOf({ module, callee: member, name }, type);
        return made;
      },
    });
  }
  return functions;
}

const aModule = instanceOf(Module, 'a Module');

function functionOf(target: Target, { params, results }: FuncType): HostFunction {
  if ([...params, ...results].some(isRef))
    throw new LinkError(
      `${quoted(target.name)} of ${quoted(target.callee)} takes or returns references, which do not cross between VMs`,
    );
  const host = retryHostFunction(params, results, (...given: unknown[]) => {
    const { state, callId } = given.pop() as HostContext<Handles>;
    return perform(state.home.calls, target, state, given, callId !== undefined);
  });
  return ownedBy(guests, { [target.name]: host })[target.name] as HostFunction;
}

/** `again`: it was asked before, and had to wait. */
function perform(group: CallsOf, target: Target, state: Handles, args: readonly Value[], again: boolean): unknown {
  const { member } = state;
  const underWay = again ? group.callOf(member) : undefined;
  if (underWay === undefined) {
    // One that could not wait is still under way, and nobody wants it.
    group.forget(member);
    checkRing(group, member, target.callee);
  }
  const call = underWay ?? group.begin(member, target, args);
  const { answer } = call;
  state.call = answer === undefined ? call : undefined;
  if (answer === undefined) {
    call.isAwaited = true;
    return waiting;
  }
  group.end(call);
  if ('error' in answer) throw answer.error;
  return answer.values.length === 1 ? answer.values[0] : answer.values;
}

/** Whoever waits for somebody, who waits for somebody, and so on, must not wait for itself. */
function checkRing(group: CallsOf, caller: string, callee: string): void {
  const ring = [caller];
  for (let at: string | undefined = callee; at !== undefined; at = group.callOf(at)?.callee) {
    if (at === caller) throw ringOf(ring);
    ring.push(at);
  }
}
