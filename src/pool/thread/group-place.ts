// A group of VMs that talk on a worker's thread: what the main thread asks of it, what comes of that, and its members' turns in
// between. The main thread hears of all of it at the end of the slice, and not before.

import type { Module } from '../../runtime/module.ts';
import type { Value } from '../../runtime/ref.ts';
import { CrashError } from '../../spec/errors.ts';
import type { Signal } from '../../spec/options.ts';
import { callsTo } from '../../talk/calls.ts';
import type { Receiver, Sender } from '../../talk/ends.ts';
import { Group } from '../../talk/group.ts';
import type { Member, MemberOutcome } from '../../talk/member.ts';
import { GroupSnapshot } from '../../talk/snapshot.ts';
import type { Imports } from '../../vm.ts';
import { toData } from '../told/errors.ts';
import type {
  Done,
  EndOfMember,
  GroupAct,
  GroupEnd,
  GroupReply,
  GroupState,
  GroupTask,
  MemberImports,
} from '../told/group.ts';
import { pack, shareBytes, unpack } from '../told/parcel.ts';
import { pauses, stages, type WorkerData } from '../told/protocol.ts';
import { checkLeaving } from '../told/values.ts';
import { HostEnds, Traffic } from './group-ends.ts';
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
  ) {}

  get aborted(): boolean {
    const now = performance.now();
    return now >= this.at || this.isOver(now);
  }

  /** Of all, whatever else rings. */
  isOver(now = performance.now()): boolean {
    const { pause, crowded } = this.shared;
    if (Atomics.load(pause, this.slot) !== pauses.none) return true;
    return now - this.begunAt >= (Atomics.load(crowded, 0) === 0 ? sliceMs.free : sliceMs.crowded);
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
    const none = { done: [], received: [], calls: [], ended: [], state: undefined, fuel: 0 };
    return { end: { kind: 'gone', error: toData(error) }, ...none, compiled: newCode(task) };
  }
}

export class PlacedGroup {
  private ended: (readonly [string, EndOfMember])[] = [];
  /** While all members are known to wait: until when, in ms since 1970. */
  private idleUntil: number | undefined;
  private bell: Bell | undefined;

  private constructor(
    private readonly group: Group,
    private readonly ends: HostEnds,
    private readonly services: MemberServices,
  ) {}

  static async make(task: GroupTask, modules: Modules): Promise<PlacedGroup> {
    const ends = new HostEnds();
    const services: MemberServices = new MemberServices(task.services, () => placed.bell?.ring(calledMs));
    const group = await groupOf(task, modules, services);
    const placed = new PlacedGroup(group, ends, services);
    if (typeof task.from === 'object') ends.restore(group, task.from.ends);
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
        if (outcome.status === 'failed') this.services.forget(member.name);
        this.ended.push([member.name, endOf(outcome)]);
      });
  }

  async slice(task: GroupTask, modules: Modules, shared: WorkerData): Promise<GroupReply> {
    const { group } = this;
    const bell = new Bell(task.slot, shared);
    this.bell = bell;
    const fuel = group.fuelUsed;
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
    const state = task.at === 'keep' ? undefined : this.state();
    // To be saved, members may have gone on, and ended.
    await undefined;
    const end: GroupEnd = came.kind === 'idle' && task.mayRun && group.isReady ? { kind: 'rested' } : came;
    return {
      ...{ end, received, done: [...done, ...traffic.done], state },
      ...{ calls: this.services.made(), ended: this.ended.splice(0) },
      ...{ fuel: group.fuelUsed - fuel, compiled: newCode(task) },
    };
  }

  private state(): GroupReply['state'] {
    try {
      return { bytes: shareBytes(this.group.save().encode()), ends: this.ends.list } satisfies GroupState;
    } catch (error) {
      return { error: toData(error) };
    }
  }

  // Running

  /** Until something is to be told, or it is over. */
  private async turns(traffic: Traffic, bell: Bell, pause: Int32Array, mayRun: boolean): Promise<GroupEnd> {
    for (;;) {
      traffic.send();
      if (!mayRun) return { kind: 'idle', until: Infinity };
      if (traffic.isThere) return this.asItWas;
      const stop = traffic.watch(() => bell.ring(0));
      const end = await this.turn(bell, pause).finally(stop);
      if (end.kind !== 'rested') {
        if (end.kind === 'idle') traffic.send();
        return end;
      }
      if (bell.isOver() || traffic.isThere || this.services.hasMade) return end;
      bell.reset();
    }
  }

  /** Nobody has run: those that waited do so still, unless they can go on by now. */
  private get asItWas(): GroupEnd {
    if (this.idleUntil === undefined || this.group.isReady) return { kind: 'rested' };
    return { kind: 'idle', until: this.idleUntil };
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
      if (outcome.working === 0) {
        this.idleUntil = outcome.until;
        return { kind: 'idle', until: outcome.until };
      }
      const soon = { kind: 'idle', until: Math.min(outcome.until, Date.now() + workMs) } as const;
      if (bell.aborted || !(await this.worked(bell))) return soon;
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

async function groupOf(task: GroupTask, modules: Modules, services: MemberServices): Promise<Group> {
  const { memberLimits, ...options } = task.options;
  if (typeof task.from === 'string') return new Group(options);
  const snapshot = GroupSnapshot.decode(task.from.bytes.slice());
  const imports = new Map<string, Imports>();
  const used = new Set<Module>();
  for (const { name, module: hash, vm } of snapshot.data.members) {
    if (vm === null) continue;
    const module = modules(hash);
    used.add(module);
    imports.set(name, await importsOf(name, module, task.imports.get(name) ?? noImports, modules, services));
  }
  return Group.restore(snapshot, {
    ...options,
    memberLimits,
    modules: [...used],
    imports: (name) => imports.get(name) ?? {},
  });
}
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
