// A group of VMs that talk on a worker's thread: what the main thread asks of it, what comes of that, and its members' turns in
// between. The main thread hears of all of it at the end of the slice, and not before.

import { deserialize, serialize } from 'node:v8';
import type { Value } from '../../runtime/heap/ref.ts';
import type { Module } from '../../runtime/module/module.ts';
import { CrashError } from '../../spec/errors.ts';
import type { Signal } from '../../spec/options.ts';
import type { Receiver, Sender } from '../../talk/ends.ts';
import { Group } from '../../talk/group.ts';
import type { Member, MemberOutcome } from '../../talk/members/member.ts';
import { Bridge, type ErrorForm } from '../../talk/threads/bridge.ts';
import { callsTo } from '../../talk/turns/calls.ts';
import type { Imports } from '../../vm.ts';
import { fromData, toData } from '../told/errors.ts';
import type {
  Done,
  EndOfMember,
  GroupAct,
  GroupEnd,
  GroupReply,
  GroupTask,
  MemberImports,
  PieceOfGroup,
} from '../told/group.ts';
import { pack, shareBytes, unpack } from '../told/parcel.ts';
import { snapshotOf } from '../told/pieces.ts';
import { type ErrorData, pauses, stages, type WorkerData } from '../told/protocol.ts';
import { checkLeaving } from '../told/values.ts';
import { HostEnds, Traffic } from './group-ends.ts';
import { heard } from './group-rest.ts';
import { MemberServices } from './group-services.ts';
import { held, hold, newCode } from './modules.ts';
import { loadImports, made } from './user-code.ts';

/** So long a group may go on while others wait for its thread, and so long while nobody does, in ms. */
const sliceMs = { crowded: 20, free: 500 } as const;
/** So long others may go on once a member has called a service, in ms. */
const calledMs = 1;
/** How often it is looked whether work of the host on this thread is done, in ms. */
const workMs = 2;

const later = (ms = 0): Promise<void> =>
  new Promise((resolve) => (ms === 0 ? setImmediate(resolve) : setTimeout(resolve, ms)));

/** Says when a slice is to end, which may change while it runs. */
class Bell implements Signal {
  readonly reason = 'the slice is over';
  private at = Number.POSITIVE_INFINITY;
  private readonly begunAt = performance.now();

  constructor(
    private readonly slot: number,
    private readonly shared: WorkerData,
    private readonly mostMs: number,
  ) {}

  get aborted(): boolean {
    const now = performance.now();
    return now >= this.at || this.isOver(now);
  }

  /** Of all, whatever else rings. */
  isOver(now = performance.now()): boolean {
    if (Atomics.load(this.shared.pause, this.slot) !== pauses.none) return true;
    return now - this.begunAt >= Math.min(this.mostMs, this.isCrowded ? sliceMs.crowded : sliceMs.free);
  }

  /** Others wait for a thread. */
  get isCrowded(): boolean {
    return Atomics.load(this.shared.crowded, 0) !== 0;
  }

  /** In so many ms, unless it rings before. */
  ring(ms: number): void {
    this.at = Math.min(this.at, performance.now() + ms);
  }

  reset(): void {
    this.at = Number.POSITIVE_INFINITY;
  }

  addEventListener(): void {}
  removeEventListener(): void {}
}

/** Never rejects. */
export async function doSlice(
  task: GroupTask,
  shared: WorkerData,
  groups: Map<number, PlacedGroup>,
): Promise<GroupReply> {
  try {
    hold(task);
    const modules = modulesOf(task);
    Atomics.store(shared.stage, task.slot, stages.begun);
    const group = task.from === 'kept' ? groups.get(task.group) : await PlacedGroup.make(task, modules);
    if (group === undefined) throw new CrashError(`group ${task.group} was not kept`);
    groups.set(task.group, group);
    const reply = await group.slice(task, modules, shared);
    if (task.at === 'give' && reply.state !== undefined && !('error' in reply.state)) {
      groups.delete(task.group);
      group.dispose();
    }
    return reply;
  } catch (error) {
    groups.get(task.group)?.dispose();
    groups.delete(task.group);
    const none = {
      done: [],
      received: [],
      calls: [],
      ended: [],
      joins: [],
      topics: [],
      mustJoin: false,
      state: undefined,
      failure: undefined,
      fuel: 0,
      farCalls: 0,
    };
    return { end: { kind: 'gone', error: toData(error) }, ...none, compiled: newCode(task) };
  }
}

export class PlacedGroup {
  private ended: (readonly [string, EndOfMember])[] = [];
  /** While all members are known to wait: until when, in ms since 1970. */
  private idleUntil: number | undefined;
  private bell: Bell | undefined;
  /** Other parts of the group need the main thread to go on. */
  private isNeeded = false;
  /** What a member has failed with whose failure ends all. */
  private failure: Error | undefined;

  private constructor(
    private readonly group: Group,
    private readonly ends: HostEnds,
    private readonly services: MemberServices,
    private readonly bridge: Bridge | undefined,
  ) {
    if (bridge !== undefined)
      bridge.onNeed = () => {
        this.isNeeded = true;
        this.bell?.ring(calledMs);
      };
  }

  static async make(task: GroupTask, modules: Modules): Promise<PlacedGroup> {
    const ends = new HostEnds();
    const services: MemberServices = new MemberServices(task.services, () => placed.bell?.ring(calledMs));
    const data = typeof task.from === 'object' ? task.from.bridge : undefined;
    const bridge = data && new Bridge(data, errorForm);
    const group = await groupOf(task, modules, services, bridge);
    const placed = new PlacedGroup(group, ends, services, bridge);
    if (typeof task.from === 'object') ends.restore(group, task.from);
    for (const member of group.members) placed.watch(member);
    return placed;
  }

  dispose(): void {
    this.group.dispose();
  }

  private watch(member: Member): void {
    if (member.hasProgram && member.outcome === undefined)
      void member.ending.then((outcome) => {
        // One that has not failed may serve calls of others, and ask for them.
        if (outcome.status === 'failed') {
          this.services.forget(member.name);
          if (this.bridge !== undefined) this.failure ??= outcome.error;
        }
        this.ended.push([member.name, endOf(outcome)]);
      });
  }

  async slice(task: GroupTask, modules: Modules, shared: WorkerData): Promise<GroupReply> {
    const { group, bridge } = this;
    const bell = new Bell(task.slot, shared, task.mostMs);
    this.bell = bell;
    this.isNeeded = false;
    bridge?.begin(task.at !== 'keep');
    const [fuel, calls] = [group.fuelUsed, group.farCalls];
    const done: Done[] = [];
    for (const { number, ...act } of task.acts) done.push(await this.did(number, act, modules));
    for (const answer of task.answers) this.services.take(answer);
    // What was answered, and whose time has come, can go on after a turn of the event loop.
    const isDue = task.answers.length > 0 || (this.idleUntil !== undefined && Date.now() >= this.idleUntil);
    if (isDue) await later();
    if (isDue || task.acts.length > 0) this.idleUntil = undefined;
    const traffic = new Traffic(this.ends, task);
    const pause = shared.pause.subarray(task.slot, task.slot + 1);
    const came = await this.turns(traffic, bell, pause, task.mayRun);
    const received = traffic.received();
    Atomics.store(shared.stage, task.slot, stages.stopped);
    if (bridge !== undefined) this.leave(bridge, task.at);
    const state = task.at === 'keep' ? undefined : this.state(task.mayBeSplit);
    // To be saved, members may have gone on, and ended.
    await undefined;
    const canGoOn = group.isReady || bridge?.hasNews === true;
    const end: GroupEnd =
      (came.kind === 'idle' || bridge !== undefined) && task.mayRun && canGoOn ? { kind: 'rested' } : came;
    const failure = task.options.onFailure === 'end' ? this.failure : undefined;
    return {
      ...{ end, received, done: [...done, ...traffic.done], state },
      ...{ calls: this.services.made(), ended: this.ended.splice(0) },
      ...{ joins: [...(bridge?.joins ?? [])], topics: [...(bridge?.topics ?? [])] },
      mustJoin: bridge?.mustJoin ?? false,
      ...{ failure: failure && toData(failure) },
      ...{ fuel: group.fuelUsed - fuel, farCalls: group.farCalls - calls, compiled: newCode(task) },
    };
  }

  /** Others are told no more, and what has to run before it can be saved does so while they can still be told. */
  private leave(bridge: Bridge, at: GroupTask['at']): void {
    if (at === 'keep') this.group.settle();
    // All have left before.
    else bridge.drain();
    bridge.leave();
  }

  private state(mayBeSplit: boolean): GroupReply['state'] {
    try {
      const { group, ends } = this;
      const bytes = shareBytes(group.save().encode());
      const topology = mayBeSplit ? group.topology : undefined;
      return { bytes, outlets: group.outlets, ends: ends.list, topology } satisfies PieceOfGroup;
    } catch (error) {
      return { error: toData(error) };
    }
  }

  // Running

  /** Until something is to be told, or it is over. */
  private async turns(traffic: Traffic, bell: Bell, pause: Int32Array, mayRun: boolean): Promise<GroupEnd> {
    for (;;) {
      traffic.send();
      if (!mayRun) return { kind: 'idle', until: Infinity, isStuck: false };
      if (traffic.isThere) return this.asItWas;
      const stop = traffic.watch(() => bell.ring(0));
      const end = await this.turn(bell, pause).finally(stop);
      if (end.kind !== 'rested') {
        if (end.kind === 'idle') traffic.send();
        return end;
      }
      if (bell.isOver() || traffic.isThere || this.services.hasMade || this.isNeeded) return end;
      bell.reset();
    }
  }

  /** Nobody has run: those that waited do so still, unless they can go on by now. */
  private get asItWas(): GroupEnd {
    if (this.idleUntil === undefined || this.group.isReady) return { kind: 'rested' };
    return this.idle(this.idleUntil);
  }

  private idle(until: number): GroupEnd {
    return { kind: 'idle', until, isStuck: this.bridge !== undefined && this.group.isStuck };
  }

  private async turn(bell: Bell, pause: Int32Array): Promise<GroupEnd> {
    const { group } = this;
    this.idleUntil = undefined;
    for (;;) {
      const isAsking = (member: string) => this.services.isAsking(member);
      const outcome = await group.runBusy({ signal: bell, pause }, isAsking).catch((error: unknown) => ({ error }));
      if ('error' in outcome) return { kind: 'failed', error: toData(outcome.error) };
      if (outcome.status === 'ended') return { kind: 'ended' };
      if (outcome.status === 'suspended') return { kind: 'rested' };
      if (this.bridge !== undefined) {
        if (await heard(this.bridge, group, bell, outcome)) continue;
        if (bell.aborted && !bell.isOver()) return { kind: 'rested' };
        if (outcome.isOver) return { kind: 'ended' };
      } else if (outcome.working > 0 && !bell.aborted && (await this.worked(bell))) continue;
      if (outcome.working > 0) return this.idle(Math.min(outcome.until, Date.now() + workMs));
      this.idleUntil = outcome.until;
      return this.idle(outcome.until);
    }
  }

  /** Host functions of this thread are at work; false where the slice is over before. */
  private async worked(bell: Bell): Promise<boolean> {
    let isThere = false;
    const news = this.group.news().then(() => {
      isThere = true;
    });
    while (!isThere && !bell.aborted) await Promise.race([news, later(workMs)]);
    return isThere;
  }

  // What it is asked

  private async did(number: number, act: GroupAct, modules: Modules): Promise<Done> {
    try {
      return { number, value: await this.act(act, modules) };
    } catch (error) {
      return { number, error: toData(error) };
    }
  }

  private async act(act: GroupAct, modules: Modules): Promise<unknown> {
    const { group, ends } = this;
    switch (act.kind) {
      case 'port': {
        const { sender, receiver } = group.port(act.options);
        ends.set(act.sender, sender);
        ends.set(act.receiver, receiver);
        return sender.name;
      }
      case 'subscribe': {
        const receiver = group.subscribe(act.topic, act.options);
        ends.set(act.receiver, receiver);
        return receiver.name;
      }
      case 'add':
        return this.add(act, modules);
      case 'return': {
        for (const { bytes, ends: along } of [...act.messages].reverse()) {
          group.putBack(act.port, { bytes, ports: along.map((id) => ends.at(id)) });
          for (const id of along) ends.forget(id);
        }
        return undefined;
      }
      case 'clone':
        return ends.set(act.as, ends.at(act.end).clone());
      case 'close':
        ends.at(act.end).close(act.reason);
        return ends.forget(act.end);
      case 'fail':
        return group.failAll(fromData(act.error));
      case 'cancel':
        group.cancel(act.member, act.reason);
        return this.services.forget(act.member);
      default:
        return act satisfies never;
    }
  }

  private async add(act: GroupAct & { kind: 'add' }, modules: Modules): Promise<void> {
    const ports = Object.fromEntries(act.member.ports.map(([called, id]) => [called, this.ends.at(id)]));
    for (const [, id] of act.member.ports) this.ends.forget(id);
    try {
      await this.addWith(ports, act, modules);
    } catch (error) {
      // Nobody has them any more.
      for (const end of Object.values(ports)) end.close();
      throw error;
    }
  }

  private async addWith(
    ports: Readonly<Record<string, Sender | Receiver>>,
    { name, member }: GroupAct & { kind: 'add' },
    modules: Modules,
  ): Promise<void> {
    const module = modules(member.module);
    const imports = await importsOf(name, module, member, modules, this.services);
    const args = unpack(member.args) as readonly Value[];
    const { limits, fuel } = member;
    this.watch(this.group.add(name, { module, export: member.export, args, ports, imports, limits, fuel }));
  }
}

async function groupOf(
  task: GroupTask,
  modules: Modules,
  services: MemberServices,
  bridge: Bridge | undefined,
): Promise<Group> {
  const { memberLimits, ...options } = task.options;
  if (typeof task.from === 'string') return new Group(options);
  const snapshot = snapshotOf(task.from);
  const imports = new Map<string, Imports>();
  const used = new Set<Module>();
  for (const { name, module: hash, vm } of snapshot.data.members) {
    if (bridge !== undefined && bridge.data.members.get(name) !== bridge.data.part) continue;
    // Of one that has no VM any more the module is named, and not needed otherwise.
    if (vm === null) continue;
    const module = modules(hash);
    used.add(module);
    imports.set(name, await importsOf(name, module, task.imports.get(name) ?? noImports, modules, services));
  }
  const given = { ...options, memberLimits, modules: [...used], imports: (name: string) => imports.get(name) ?? {} };
  return Group.restorePart(snapshot, given, bridge);
}
/** Errors of calls between threads. */
const errorForm: ErrorForm = {
  write: (error) => serialize(toData(error)).toString('base64'),
  read: (told) => fromData(deserialize(Buffer.from(told, 'base64')) as ErrorData),
};
const noImports: MemberImports = { calls: [], host: undefined };

/** By hash; each is decoded when it is asked for. Throws MalformedError, InvalidError. */
type Modules = (hash: string) => Module;

function modulesOf({ modules }: GroupTask): Modules {
  return (hash) => {
    const parcel = modules.find((each) => each.hash === hash);
    if (parcel === undefined) throw new CrashError(`module ${hash} is not in the order`);
    return held(parcel);
  };
}

async function importsOf(
  member: string,
  module: Module,
  { calls, host }: MemberImports,
  modules: Modules,
  services: MemberServices,
): Promise<Imports> {
  const given = made(await loadImports(host));
  const called = calls.map(([imported, callee, hash]) => [imported, callsTo(callee, modules(hash))]);
  return { ...given, ...services.imports(member, module), ...Object.fromEntries(called) };
}

function endOf(outcome: MemberOutcome): EndOfMember {
  if (outcome.status === 'exited') return outcome;
  try {
    if (outcome.status === 'failed') throw outcome.error;
    checkLeaving(outcome.values, 'result');
    return { status: 'returned', values: pack(outcome.values, 'the results') };
  } catch (error) {
    return { status: 'failed', error: toData(error) };
  }
}
