// Believing what the text of a group's snapshot says: anybody may have written it.

import { SnapshotError } from '../../spec/errors.ts';
import { quoted } from '../../spec/told.ts';
import { mostEnds } from '../members/guest.ts';
import type { Fuel } from '../members/member.ts';
import { sides } from '../ports/port.ts';
import type { GroupData, SavedCall, SavedEnd, SavedMember, SavedMessage, SavedOutcome, SavedPort } from './format.ts';

type Told = GroupData<number, number | null>;
type Fields<T> = { readonly [K in keyof T]: unknown };

const bad = (what: string, where: string): never => {
  throw new SnapshotError(what, where);
};

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isText = (value: unknown): value is string => typeof value === 'string';
const isFlag = (value: unknown): value is boolean => typeof value === 'boolean';
const fieldsOf = <T>(value: unknown, where: string): Fields<T> =>
  typeof value === 'object' && value !== null ? (value as Fields<T>) : bad('no fields', where);
const listOf = (value: unknown, where: string): readonly unknown[] =>
  Array.isArray(value) ? value : bad('no list', where);

/** `isPiece`: callers may be in others, and `checkCallers` is for all together. Throws SnapshotError. */
export function checkGroupData(text: unknown, isPiece = false): Told {
  const data = fieldsOf<Told>(text, 'group');
  const ports = listOf(data.ports, 'ports');
  if (!isCount(data.nextCall)) bad('no number of the next call', 'group');
  const members = listOf(data.members, 'members').map((member, i) => memberOf(member, `member ${i}`));
  const names = new Set(members.map(({ name }) => name));
  if (names.size < members.length) bad('two have the same name', 'members');
  const checked = ports.map((port, i) => portOf(port, ports.length, `port ${i}`));
  if (new Set(checked.map(({ name }) => name)).size < checked.length) bad('two have the same name', 'ports');
  return {
    ports: checked,
    topics: listOf(data.topics, 'topics').map((topic, i) => topicOf(topic, ports.length, `topic ${i}`)),
    members,
    calls: callsOf(data.calls, isPiece ? undefined : names),
    nextCall: data.nextCall as number,
    order: orderOf(data.order, names, 'order'),
  };
}

const callsOf = (calls: unknown, names: ReadonlySet<string> | undefined): SavedCall[] => {
  const checked = listOf(calls, 'calls').map((call, i) => callOf(call, `call ${i}`));
  if (names !== undefined) checkCallers(checked, names);
  return checked;
};

/** Throws SnapshotError. */
export function checkCallers(calls: readonly SavedCall[], members: ReadonlySet<string>): void {
  for (const { caller } of calls) if (!members.has(caller)) bad('of no member', `the call of ${quoted(caller)}`);
}

function orderOf(value: unknown, members: ReadonlySet<string>, where: string): Told['order'] {
  const { ready, waiting } = fieldsOf<Told['order']>(value, where);
  const all = [...listOf(ready, where), ...listOf(waiting, where)] as readonly string[];
  if (!all.every((name) => members.has(name)) || new Set(all).size < all.length)
    bad('of others than the members', where);
  return { ready: ready as string[], waiting: waiting as string[] };
}

function portOf(value: unknown, ports: number, where: string): SavedPort<number> {
  const { name, messages, bytes, closed, reason, host, queue } = fieldsOf<SavedPort<number>>(value, where);
  const by = fieldsOf<SavedPort['host']>(host, where);
  if (!isText(name) || !isCount(messages) || !isCount(bytes) || !isFlag(closed) || !(reason === null || isText(reason)))
    return bad('no port', where);
  if (!isFlag(by.send) || !isFlag(by.receive)) return bad('of nobody', where);
  const held = listOf(queue, where).map((message) => messageOf(message, ports, where));
  if (held.length > messages || held.reduce((sum, message) => sum + message.bytes, 0) > bytes)
    bad('holds more than it may', where);
  return { name, messages, bytes, closed, reason, host: { send: by.send, receive: by.receive }, queue: held };
}

function messageOf(value: unknown, ports: number, where: string): SavedMessage<number> {
  const { bytes, ends } = fieldsOf<SavedMessage<number>>(value, where);
  const along = listOf(ends, where).map((end) => endOf(end, ports, where));
  if (!isCount(bytes) || along.length > mostEnds) return bad('no message', where);
  return { bytes, ends: along };
}

function endOf(value: unknown, ports: number, where: string): SavedEnd {
  const [port, side] = listOf(value, where);
  if (!isCount(port) || port >= ports || !sides.includes(side as SavedEnd[1]))
    return bad('the end of a port that is not there', where);
  return [port, side as SavedEnd[1]];
}

function topicOf(value: unknown, ports: number, where: string): Told['topics'][number] {
  const { name, ports: numbers } = fieldsOf<Told['topics'][number]>(value, where);
  const listening = listOf(numbers, where);
  const isOne =
    listening.every((port) => isCount(port) && port < ports) && new Set(listening).size === listening.length;
  if (!isText(name) || !isOne) return bad('no topic', where);
  return { name, ports: listening as number[] };
}

function memberOf(value: unknown, where: string): SavedMember<number | null> {
  const { name, module, hasProgram, fuel, outcome, vm } = fieldsOf<SavedMember>(value, where);
  if (!isText(name) || !isText(module) || !isFlag(hasProgram)) return bad('no member', where);
  if (!(vm === null || isCount(vm))) return bad('no member', where);
  return {
    name,
    module,
    hasProgram,
    fuel: fuel === null ? null : fuelOf(fuel, where),
    vm,
    outcome: outcome === null ? null : outcomeOf(outcome, where),
  };
}

function fuelOf(value: unknown, where: string): Fuel {
  const { most, left } = fieldsOf<Fuel>(value, where);
  return isCount(most) && Number.isFinite(left) ? { most, left: left as number } : bad('no fuel', where);
}

function outcomeOf(value: unknown, where: string): SavedOutcome {
  const told = fieldsOf<{ status: 0; values: 0; code: 0; error: 0 }>(value, where);
  const { status } = told;
  if (status === 'returned') return { status, values: listOf(told.values, where) };
  if (status === 'exited' && isCount(told.code)) return { status, code: told.code };
  if (status === 'failed' && isText(told.error)) return { status, error: told.error };
  return bad('no outcome', where);
}

const states: readonly unknown[] = ['queued', 'serving', 'answered'] satisfies SavedCall['state'][];

function callOf(value: unknown, where: string): SavedCall {
  const call = fieldsOf<SavedCall>(value, where);
  const { id, caller, callee, state, answer } = call;
  if (!isCount(id) || !isText(caller) || !isText(callee) || !isText(call.name) || !states.includes(state))
    return bad('no call', where);
  return {
    ...{ id, caller, callee, name: call.name, args: listOf(call.args, where) },
    ...{ state: state as SavedCall['state'], answer: answer === null ? null : answerOf(answer, where) },
  };
}

function answerOf(value: unknown, where: string): SavedCall['answer'] {
  const { values, error } = fieldsOf<{ values: 0; error: 0 }>(value, where);
  return isText(error) ? { error } : { values: listOf(values, where) };
}
