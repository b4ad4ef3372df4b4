/// <reference lib="esnext.disposable" preserve="true" />
// A group of VMs on a pool, as its users have it. What goes on between slices is in driver.ts, what happens in one on the thread.

import { randomUUID } from 'node:crypto';
import type { Value } from '../../runtime/heap/ref.ts';
import { Module } from '../../runtime/module/module.ts';
import { UsageError } from '../../spec/errors.ts';
import { quoted } from '../../spec/told.ts';
import { PeerError } from '../../talk/errors.ts';
import type { MemberOutcome } from '../../talk/members/member.ts';
import {
  checkName,
  checkPort,
  checkRun,
  type GroupOutcome,
  type GroupRunOptions,
  type PortOptions,
} from '../../talk/options.ts';
import { GroupSnapshot } from '../../talk/saved/snapshot.ts';
import type { GroupSide } from '../job/places.ts';
import { CancelledError, fromData } from '../told/errors.ts';
import type { EndOfMember, GroupState, HeldEnd, MemberImports } from '../told/group.ts';
import { type Carried, carried } from '../told/module-bytes.ts';
import { hrefOf } from '../told/options.ts';
import { type Parcel, pack, shareBytes, unpack } from '../told/parcel.ts';
import { snapshotOf } from '../told/pieces.ts';
import { checkServices } from '../told/services.ts';
import { AskedServices } from './asked.ts';
import { GroupDriver } from './driver.ts';
import { PoolReceiver, PoolSender } from './ends.ts';
import { HostEnds } from './host-ends.ts';
import { PoolMember } from './member.ts';
import {
  checkPoolGroup,
  checkPoolMember,
  checkResumeGroup,
  type PoolGroupOptions,
  type PoolMemberImports,
  type PoolMemberOptions,
  type ResumeGroupOptions,
} from './options.ts';
import { Wishes } from './wishes.ts';

/** What makes a group go on that was saved. */
interface From {
  readonly data: GroupSnapshot['data'];
  readonly state: GroupState;
}

/**
 * VMs that talk with each other, as a `Group` of `wasbox/talk`, on the threads of a pool: all members are on one thread at a time,
 * which other work can have in between, and move together; with `threads`, members that can be apart are on several at once. What
 * is asked of it is done in its next slice.
 */
export class PoolGroup {
  private readonly driver: GroupDriver;
  private readonly ends: HostEnds;
  private readonly asked: AskedServices;
  private readonly list = new Map<string, PoolMember>();
  private readonly held = new Map<string, PoolSender | PoolReceiver>();

  /** By a pool's `group` and `resumeGroup`. @hidden */
  constructor(
    private readonly open: (services: PoolGroupOptions['services']) => GroupSide,
    private readonly options: ResumeGroupOptions,
    from?: From,
  ) {
    const { identity = randomUUID(), limits, memberLimits, engine, sliceFuel, onFailure, threads = 1 } = options;
    const { places, number, newNumber, grace, services } = open(options.services);
    const wishes = new Wishes(
      (end) => this.ends.of(end),
      () => this.driver.tell(),
    );
    this.asked = new AskedServices(services, identity, options.serviceTimeout, () => this.driver.tell());
    this.services = services;
    this.driver = new GroupDriver(
      places,
      {
        ...{ number, newNumber, threads, grace, wishes, asked: this.asked, services: [...services.keys()] },
        members: () => [...this.list.keys()],
        ...{ tenant: options.tenant, priority: options.priority ?? 0, mayRetry: options.onCrash === 'retry' },
        options: { limits: limits as Record<string, number> | undefined, memberLimits, engine, sliceFuel, onFailure },
        ended: (name, end) => this.list.get(name)?.endedAs(outcomeOf(end)),
        over: (error) => {
          for (const member of this.members) member.abandon(error);
        },
      },
      from?.state,
    );
    this.ends = new HostEnds(this.driver, wishes);
    if (from === undefined) return;
    try {
      this.fill(from);
    } catch (error) {
      this.driver.end(error as Error);
      throw error;
    }
  }

  private readonly services: GroupSide['services'];

  /** Goes on with a group that was saved. @hidden */
  static resume(
    open: (services: PoolGroupOptions['services']) => GroupSide,
    saved: GroupSnapshot | Uint8Array,
    options: ResumeGroupOptions,
  ): PoolGroup {
    checkResumeGroup(options);
    const snapshot = saved instanceof GroupSnapshot ? saved : GroupSnapshot.decode(saved);
    const bytes = saved instanceof Uint8Array ? saved : saved.encode();
    return new PoolGroup(open, options, {
      data: snapshot.data,
      state: stateOf(shareBytes(bytes), snapshot.data),
    });
  }

  private fill({ data, state }: From): void {
    const { modules = [], members = {} } = this.options;
    const given = new Map(modules.map((module) => carried(module)).map((module) => [module.hash, module]));
    for (const { name, module } of data.members) this.moduleOf.set(name, module);
    for (const { id, side, port } of state.pieces.flatMap(({ ends }) => ends)) {
      this.held.set(`${side} ${port}`, this.ends.of({ id, side, port }));
    }
    for (const { name, module: hash, hasProgram, vm, outcome } of data.members) {
      const member = new PoolMember(name, hasProgram);
      this.list.set(name, member);
      if (outcome !== null)
        member.endedAs(
          outcome.status === 'failed' ? { status: 'failed', error: new PeerError(outcome.error, name) } : outcome,
        );
      if (vm === null) continue;
      const imports = importsOf(
        members[name] ?? {},
        (callee) => this.moduleOf.get(callee),
        (module) => this.learn(module),
      );
      this.driver.imports.set(name, imports);
      for (const each of [hash, ...imports.calls.map(([, , called]) => called)]) {
        const module = given.get(each) ?? this.driver.modules.get(each);
        if (module === undefined)
          throw new UsageError(`the module of ${quoted(name)} (${quoted(each)}) is needed, and was not given`);
        this.driver.modules.set(each, module);
      }
    }
  }

  private learn(module: Carried): string {
    this.driver.modules.set(module.hash, module);
    return module.hash;
  }

  // Ports

  /**
   * A new port, and the host's hold of its two ends: each is used here, or given to a member, or sent along with a message.
   * Rejects with LimitError, UsageError.
   */
  async port(options: PortOptions = {}): Promise<{ readonly sender: PoolSender; readonly receiver: PoolReceiver }> {
    checkPort(options);
    const [sender, receiver] = [this.ends.newEnd(), this.ends.newEnd()];
    const name = (await this.ask({ kind: 'port', options: { ...options }, sender, receiver })) as string;
    return { sender: new PoolSender(this.ends, sender, name), receiver: new PoolReceiver(this.ends, receiver, name) };
  }

  /** Of a resumed group: what the host sent by to the port of that name. Throws UsageError where it did not. */
  sender(port: string): PoolSender {
    return (this.held.get(`send ${String(port)}`) as PoolSender | undefined) ?? nothingOf('sender', port);
  }

  /** Of a resumed group: where the host received from the port of that name. Throws UsageError where it did not. */
  receiver(port: string): PoolReceiver {
    return (this.held.get(`receive ${String(port)}`) as PoolReceiver | undefined) ?? nothingOf('receiver', port);
  }

  /** All that is published under the name from now on, as `Group.subscribe` tells. Rejects with LimitError, UsageError. */
  async subscribe(topic: string, options: PortOptions = {}): Promise<PoolReceiver> {
    checkName(topic, 'a topic');
    checkPort(options);
    const receiver = this.ends.newEnd();
    const name = (await this.ask({ kind: 'subscribe', topic, options: { ...options }, receiver })) as string;
    return new PoolReceiver(this.ends, receiver, name);
  }

  // Members

  /**
   * Makes a member, as `Group.add` does. Ends of ports are given to it, also where this fails. Rejects with LinkError, LimitError,
   * Trap, UsageError, and with what is wrong with the bytes of its module.
   */
  async add(name: string, options: PoolMemberOptions): Promise<PoolMember> {
    checkName(name, 'the name of a member');
    checkPoolMember(options);
    this.driver.check();
    if (this.list.has(name)) throw new UsageError(`the group has a member ${quoted(name)} already`);
    const { ports = {}, args = [], limits, fuel } = options;
    const module = carried(options.module);
    if (module instanceof Module) checkServices(module.importList, this.services);
    const calledModule = (callee: string) => this.moduleOf.get(callee);
    const imports = importsOf(options, calledModule, (each) => this.learn(each));
    const packed = pack(args, 'the arguments');
    const ends = Object.values(ports);
    if (new Set(ends).size < ends.length) throw new UsageError('each end of a port is given once; clone makes others');
    for (const end of ends) end.checkGivable(this.ends);
    const given = Object.entries(ports).map(([called, end]) => [called, end.give(this.ends)] as const);
    const member = new PoolMember(name, options.export !== undefined);
    this.list.set(name, member);
    const isKnown = this.driver.modules.has(module.hash);
    this.moduleOf.set(name, this.learn(module));
    // The group may move in the slice by which the member comes.
    this.driver.imports.set(name, imports);
    const order = { module: module.hash, export: options.export, args: packed, ports: given, limits, fuel };
    try {
      await this.ask({ kind: 'add', name, member: { ...order, ...imports } });
    } catch (error) {
      this.list.delete(name);
      this.moduleOf.delete(name);
      this.driver.imports.delete(name);
      // It may be what is wrong.
      if (!isKnown && ![...this.moduleOf.values()].includes(module.hash)) this.driver.modules.delete(module.hash);
      throw error;
    }
    return member;
  }

  private readonly moduleOf = new Map<string, string>();

  /** Throws UsageError where there is none of the name. */
  member(name: string): PoolMember {
    const member = this.list.get(name);
    if (member === undefined) throw new UsageError(`the group has no member ${quoted(String(name))}`);
    return member;
  }

  /** In the order in which they were added. */
  get members(): readonly PoolMember[] {
    return [...this.list.values()];
  }

  /** Ends a member: its ports lose it, and who calls it fails. Rejects with UsageError where there is none of the name. */
  async cancel(name: string, reason?: string): Promise<void> {
    this.member(name);
    await this.ask({ kind: 'cancel', member: name, reason });
    this.asked.forget(name);
  }

  // Running

  /** Fuel that members have used so far, as of the last slice. */
  get fuelUsed(): number {
    return this.driver.fuelUsed;
  }

  /**
   * Runs the members, until the programs of all have ended, or it is to stop: then it can go on, or be saved. While all wait for
   * the host, so does it, and needs no thread. Rejects with DeadlockError where they wait for each other, WorkerError where its
   * thread died, CancelledError where it is disposed of; UsageError while it runs.
   */
  async run(options: GroupRunOptions = {}): Promise<GroupOutcome> {
    checkRun(options);
    this.driver.check();
    if (this.driver.isRunning) throw new UsageError('the group is running already');
    const { signal, timeout } = options;
    if (signal?.aborted === true) return { status: 'suspended', reason: { kind: 'signal', cause: signal.reason } };
    const run = this.driver.begin();
    const stop = () => this.driver.stop({ kind: 'signal', cause: signal?.reason });
    const timer = timeout === undefined ? undefined : setTimeout(() => this.driver.stop({ kind: 'timeout' }), timeout);
    signal?.addEventListener('abort', stop);
    try {
      const end = await run;
      return end.status === 'ended' ? { status: 'ended', members: this.outcomes } : end;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
    }
  }

  private get outcomes(): ReadonlyMap<string, MemberOutcome> {
    return new Map(this.members.flatMap(({ name, outcome }) => (outcome === undefined ? [] : [[name, outcome]])));
  }

  // As a value

  /**
   * All of the group: its members, what is in its ports, and the calls that are under way. It goes on unharmed, also while it
   * runs. What `send` has not resolved yet is not in it. Rejects with SnapshotError.
   */
  async save(): Promise<GroupSnapshot> {
    return snapshotOf(await this.copy());
  }

  private copy(): Promise<GroupState> {
    this.driver.check();
    return this.driver.copy();
  }

  /** As `save`, and the group is over then: what waits for it rejects with CancelledError. */
  async suspend(): Promise<GroupSnapshot> {
    this.driver.check();
    const saving = this.save();
    this.driver.stop({ kind: 'pause' });
    const snapshot = await saving;
    this.driver.end(new CancelledError('the group was suspended'));
    return snapshot;
  }

  /** A second group in the same state: what the host had hold of, it has in both. Rejects as `save` does. */
  async fork(options: PoolGroupOptions = {}): Promise<PoolGroup> {
    checkPoolGroup(options);
    const { identity: _, ...inherited } = this.options;
    const state = await this.copy();
    const { data } = snapshotOf(state);
    const modules = [...this.driver.modules.values()].map((module) =>
      module instanceof Module ? module : module.bytes,
    );
    const fork = new PoolGroup(
      this.open,
      { ...inherited, ...options, modules },
      { data, state: withEnds(state, data) },
    );
    for (const [name, imports] of this.driver.imports) fork.driver.imports.set(name, imports);
    for (const [hash, module] of this.driver.modules) fork.driver.modules.set(hash, module);
    return fork;
  }

  /** Ends all members, and whatever waits for the group, with CancelledError. */
  dispose(): void {
    this.driver.end(new CancelledError('the group was disposed of'));
  }

  /** For `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  private ask(act: Parameters<Wishes['act']>[0]): Promise<unknown> {
    return this.ends.ask(act);
  }
}

function importsOf(
  { calls = {}, host }: PoolMemberImports,
  moduleOf: (member: string) => string | undefined,
  learn: (module: Carried) => string,
): MemberImports {
  const called = Object.entries(calls).map(([imported, callee]) => {
    if (typeof callee !== 'string') return [imported, callee.member, learn(carried(callee.module))] as const;
    const module = moduleOf(callee);
    if (module === undefined)
      throw new UsageError(
        `calls: the group has no member ${quoted(callee)} yet: \`{ member, module }\` tells of what it will be`,
      );
    return [imported, callee, module] as const;
  });
  return { calls: called, host: hrefOf(host) };
}

/** What the host had hold of. */
const endsOf = ({ ports }: GroupSnapshot['data']): readonly HeldEnd[] =>
  ports
    .flatMap(({ name, host }) =>
      (['send', 'receive'] as const).filter((side) => host[side]).map((side) => ({ side, port: name })),
    )
    .map((end, i) => ({ id: i + 1, ...end }));

const stateOf = (bytes: Parcel, data: GroupSnapshot['data']): GroupState => ({
  pieces: [{ bytes, outlets: [], ends: endsOf(data), topology: undefined }],
  members: data.members.map(({ name }) => name),
});

/** As of a group that is new: each end that the host has hold of once. */
const withEnds = (state: GroupState, data: GroupSnapshot['data']): GroupState => ({
  ...state,
  pieces: state.pieces.map((piece, i) => ({ ...piece, ends: i === 0 ? endsOf(data) : [] })),
});

const outcomeOf = (end: EndOfMember): MemberOutcome => {
  if (end.status === 'returned') return { status: 'returned', values: unpack(end.values) as readonly Value[] };
  return end.status === 'exited' ? end : { status: 'failed', error: fromData(end.error) };
};

function nothingOf(what: string, port: string): never {
  throw new UsageError(`the host had no ${what} of port ${quoted(String(port))} when the group was saved`);
}
