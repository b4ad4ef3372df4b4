// A group as data, and out of data again: its members' VMs, its ports with what is in them, and the calls that are under way.

import { UsageError } from '../../spec/errors.ts';
import { attempt, quoted } from '../../spec/told.ts';
import type { EngineName } from '../../vm/engines.ts';
import { VM } from '../../vm.ts';
import { Receiver, Sender } from '../ends.ts';
import { PeerError } from '../errors.ts';
import { type Answer, Call } from '../members/call.ts';
import { guests, importName, within } from '../members/guest.ts';
import type { Handles } from '../members/handles.ts';
import { Member, type MemberOutcome } from '../members/member.ts';
import type { GroupRestoreOptions } from '../options.ts';
import { End, type Port } from '../ports/port.ts';
import type { Ports } from '../ports/ports.ts';
import type { Bridge } from '../threads/bridge.ts';
import type { GroupHome } from '../turns/home.ts';
import type { Turns } from '../turns/turns.ts';
import type { GroupData, SavedCall, SavedEnd, SavedMember, SavedPort } from './format.ts';

/** What a group is. */
export interface Parts {
  readonly engine: EngineName | undefined;
  readonly ports: Ports;
  readonly turns: Turns;
  readonly home: GroupHome;
  /** Where the group is a part of one: the others. */
  readonly bridge: Bridge | undefined;
  /** Ends of ports that the host had when the group was saved, by name of the port. */
  readonly senders: Map<string, Sender>;
  readonly receivers: Map<string, Receiver>;
}

/** A VM's handles; undefined where nothing that it imports is of ours. */
export const handlesOf = (vm: VM): Handles | undefined => attempt(() => vm.state(guests), undefined);

// Saving

/** No turn must be under way, of no part. Throws SnapshotError. */
export function savedGroup({ ports, turns, home }: Parts): GroupData {
  home.beginSaving();
  // First, as it lets go of ports that nobody listens to any more.
  const heard = ports.topics.map((topic) => ({ name: topic.name, listeners: topic.listeners() }));
  const members = turns.list.map(savedMember);
  const serving = turns.list.flatMap((member) => member.serving ?? []);
  const calls = [...new Set([...turns.calls.values(), ...serving])].sort((a, b) => a.id - b.id);
  for (const port of ports.list) home.numberOf(port);
  return {
    members,
    calls: [...calls.map((call) => savedCall(call, serving.includes(call))), ...turns.far.untold.map(toldLate)],
    nextCall: turns.nextCall,
    order: turns.order,
    topics: heard
      .filter(({ listeners }) => listeners.length > 0)
      .map(({ name, listeners }) => ({ name, ports: listeners.map((port) => home.numberOf(port)) })),
    ports: home.numbered.map((port) => savedPort(port, home)),
  };
}

function savedMember({ name, hash, hasProgram, fuel, outcome, vm }: Member): SavedMember {
  return {
    ...{ name, module: hash, hasProgram },
    fuel: Number.isFinite(fuel.most) ? { ...fuel } : null,
    outcome: outcome?.status === 'failed' ? { status: 'failed', error: outcome.error.message } : (outcome ?? null),
    vm: vm?.save() ?? null,
  };
}

const savedCall = ({ id, caller, callee, name, args, answer }: Call, isServing: boolean): SavedCall => ({
  ...{ id, caller, callee, name, args },
  state: isServing ? 'serving' : answer === undefined ? 'queued' : 'answered',
  answer: answer === undefined ? null : savedAnswer(answer),
});

/** Of a caller in another part, which says what it has called. */
const toldLate = ({ id, caller, answer }: { id: number; caller: string; answer: Answer }): SavedCall => ({
  ...{ id, caller, callee: '', name: '', args: [], state: 'answered' },
  answer: savedAnswer(answer),
});

const savedAnswer = (answer: Answer): SavedCall['answer'] =>
  'error' in answer ? { error: answer.error.message } : answer;

const savedPort = (port: Port, home: GroupHome): SavedPort => ({
  name: port.name,
  ...port.bounds,
  closed: port.wasClosed,
  reason: port.reason ?? null,
  host: { send: port.isHeldByHost('send'), receive: port.isHeldByHost('receive') },
  queue: port.messages.map(({ bytes, ends }) => ({
    bytes,
    ends: ends.map((end): SavedEnd => [home.numberOf(end.port), end.side]),
  })),
});

// Restoring

/** Fills a group that is new. Throws SnapshotError, LimitError, LinkError, UsageError for a module that is not given. */
export function fill(group: Parts, data: GroupData, options: GroupRestoreOptions): void {
  group.ports.checkMembers(data.members.length);
  if (group.bridge !== undefined) numberPorts(group.ports, data, group.bridge);
  const ports = data.ports.map((saved) => madePort(group, saved));
  group.home.beginReading(ports);
  for (const saved of data.members)
    if (isHere(group.bridge, saved.name)) group.turns.join(restoredMember(group, saved, options));
  data.ports.forEach((saved, i) => {
    const port = ports[i];
    if (port?.isHere === true) fillPort(group, saved, port, ports);
  });
  for (const { name, ports: numbers } of data.topics) {
    const there = numbers.flatMap((number) => ports[number] ?? []);
    if (there.length < numbers.length) group.bridge?.publishing.unreached.add(name);
    for (const port of there) group.ports.topicOrThrow(name).add(new End(port, 'send'));
  }
  restoreCalls(group, data);
  for (const port of ports) port?.settle();
  group.bridge?.open();
  group.turns.followCalls();
  for (const { name, outcome } of data.members)
    if (outcome !== null) group.turns.members.get(name)?.endedAs(restoredOutcome(outcome, name));
  for (const member of group.turns.list) group.turns.join(member);
  group.turns.arrange(data.order);
  group.home.beginReading([]);
}

function madePort({ ports, bridge }: Parts, { name, messages, bytes }: SavedPort): Port | undefined {
  const bounds = { messages, bytes };
  if (bridge === undefined) return ports.makeOrThrow(bounds, name);
  switch (bridge.roleOf(name)) {
    case 'port':
      return ports.makeCounted(bounds, name);
    case 'inlet':
    case 'outlet':
      return ports.makeCounted(bounds, name, (...about) => bridge.port(...about));
    default:
      return undefined;
  }
}

const isHere = (bridge: Bridge | undefined, member: string): boolean =>
  bridge === undefined || bridge.data.members.get(member) === bridge.data.part;

/** Behind all that there are, each part its own. */
function numberPorts(ports: Ports, data: GroupData, { data: { part, parts } }: Bridge): void {
  const last = data.ports.reduce((most, { name }) => Math.max(most, Number(/ (\d{1,15})$/.exec(name)?.[1] ?? 0)), 0);
  ports.numberFrom(last + 1 + part, parts);
}

function restoredMember(
  { engine, home, turns }: Parts,
  { name, module: hash, hasProgram, fuel, vm: snapshot }: SavedMember,
  { modules = [], imports, memberLimits: limits }: GroupRestoreOptions,
): Member {
  const besides = imports?.(name) ?? {};
  const module = modules.find((each) => each.hash === hash);
  if (module === undefined && snapshot !== null)
    throw new UsageError(`the module of ${quoted(name)} (${quoted(hash)}) is needed, and was not given`);
  const member = new Member(name, module ?? hash, besides, hasProgram, turns, fuel ?? undefined);
  if (snapshot === null) return member;
  home.prepare(name);
  within(home, () => {
    const given = { ...besides, [importName]: guests.functions };
    member.vm = VM.restore(snapshot, { engine, limits, modules, imports: given });
    member.handles = handlesOf(member.vm);
    member.usedBefore = member.fuelUsed;
  });
  return member;
}

function fillPort(
  { senders, receivers }: Parts,
  { queue, closed, reason, host, name }: SavedPort,
  port: Port,
  ports: readonly (Port | undefined)[],
): void {
  for (const { bytes, ends } of queue)
    port.fill({ bytes, ends: ends.map(([number, side]) => new End(ports[number] as Port, side)) });
  if (closed) port.close(reason ?? undefined);
  if (host.send) senders.set(name, new Sender(new End(port, 'send', true)));
  if (host.receive) receivers.set(name, new Receiver(new End(port, 'receive', true)));
}

function restoreCalls({ turns, bridge }: Parts, { calls, nextCall }: GroupData): void {
  turns.numberCalls(nextCall + (bridge?.data.part ?? 0), bridge?.data.parts ?? 1);
  for (const { id, caller, callee, name, args, state, answer } of calls) {
    const call = new Call(id, caller, callee, name, args);
    call.isAwaited = true;
    // The others were made by members that have ended since.
    if (turns.members.get(caller)?.handles?.call?.id === id) turns.calls.set(caller, call);
    const member = turns.members.get(callee);
    if (state === 'serving' && member !== undefined) member.serving = call;
    else if (state === 'queued') member?.calls.push(call);
    else if (answer !== null)
      call.answer = 'values' in answer ? answer : { error: new PeerError(answer.error, call.callee) };
  }
}

const restoredOutcome = (outcome: Exclude<SavedMember['outcome'], null>, name: string): MemberOutcome =>
  outcome.status === 'failed' ? { status: 'failed', error: new PeerError(outcome.error, name) } : outcome;
