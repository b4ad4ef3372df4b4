/// <reference lib="esnext.disposable" preserve="true" />
// A group: VMs that talk, as the host has them. Whose turn it is is in turns.ts, what a group is as data in saving.ts.

import { UsageError } from '../spec/errors.ts';
import { quoted } from '../spec/told.ts';
import { type InterruptOptions, Interrupts } from '../vm/interrupts.ts';
import { VM } from '../vm.ts';
import { type Received, Receiver, Sender } from './ends.ts';
import { PeerError } from './errors.ts';
import { guests, importName, within } from './members/guest.ts';
import { Member } from './members/member.ts';
import {
  boundsOf,
  checkGroup,
  checkMember,
  checkName,
  checkRestore,
  checkRun,
  type GroupOptions,
  type GroupOutcome,
  type GroupRestoreOptions,
  type GroupRunOptions,
  limitsOf,
  type MemberOptions,
  type PortOptions,
} from './options.ts';
import { End } from './ports/port.ts';
import { Ports } from './ports/ports.ts';
import { fill, handlesOf, type Parts, savedGroup } from './saved/saving.ts';
import { GroupSnapshot } from './saved/snapshot.ts';
import type { Bridge } from './threads/bridge.ts';
import { type Topology, topologyOf } from './topology.ts';
import { GroupHome } from './turns/home.ts';
import { runStart } from './turns/starting.ts';
import { Turns, type Waiting } from './turns/turns.ts';

/** All members wait. */
export interface GroupIdle extends Waiting {
  readonly status: 'idle';
}

/**
 * VMs that talk with each other and with the host, on one thread: through ports, by topics, by calls. Between any two of their
 * turns, all of it is a value.
 */
export class Group {
  private readonly parts: Parts;
  private isRunning = false;

  /** Throws UsageError. */
  constructor(options?: GroupOptions);
  /** A part of one whose others are on other threads. @hidden */
  constructor(options: GroupOptions, bridge: Bridge | undefined);
  constructor(
    private readonly options: GroupOptions = {},
    bridge?: Bridge,
  ) {
    checkGroup(options);
    const ports = new Ports(limitsOf(options), bridge);
    const turns = new Turns(options, () => ports.atHost, bridge);
    const home = new GroupHome(ports, turns, bridge);
    this.parts = { engine: options.engine, ports, turns, home, bridge, senders: new Map(), receivers: new Map() };
  }

  // Ports

  /**
   * A new port, and the host's hold of its two ends: each is used here, or given to a member, or sent along with a message.
   * Throws LimitError, UsageError.
   */
  port(options: PortOptions = {}): { readonly sender: Sender; readonly receiver: Receiver } {
    const port = this.parts.ports.makeOrThrow(boundsOf(options), options.name);
    return { sender: new Sender(new End(port, 'send', true)), receiver: new Receiver(new End(port, 'receive', true)) };
  }

  /** Of a restored group: what the host sent by to the port of that name. Throws UsageError where it did not. */
  sender(port: string): Sender {
    return this.parts.senders.get(port) ?? nothingOf('sender', port);
  }

  /** Of a restored group: where the host received from the port of that name. Throws UsageError where it did not. */
  receiver(port: string): Receiver {
    return this.parts.receivers.get(port) ?? nothingOf('receiver', port);
  }

  /**
   * All that is published under the name from now on. The port that it comes through has the topic's name unless told, with a
   * number where another has that. Throws LimitError, UsageError.
   */
  subscribe(topic: string, options: PortOptions = {}): Receiver {
    checkName(topic, 'a topic');
    const { ports } = this.parts;
    const bounds = boundsOf(options);
    const found = ports.topicOrThrow(topic);
    const port = ports.makeOrThrow(bounds, options.name ?? ports.free(topic));
    found.add(new End(port, 'send'));
    return new Receiver(new End(port, 'receive', true));
  }

  // Members

  /**
   * Makes a member: an instance of a module, whose imports from `wasbox` are the calls by which it talks. With `export` it has
   * a program, which begins once the group runs; without, it does what others call. A start function runs at once, for as long
   * as 100,000,000 units of fuel last, or the member's. Ends of ports are given to it, also where this fails. Throws LinkError,
   * LimitError, Trap, UsageError.
   */
  add(name: string, options: MemberOptions): Member {
    checkName(name, 'the name of a member');
    checkMember(options);
    const { turns, home } = this.parts;
    this.checkNew(name, options);
    const { module, ports = {}, imports = {}, args, limits, fuel } = options;
    const bound = fuel === undefined ? undefined : { most: fuel, left: fuel };
    const member = new Member(name, module, imports, options.export !== undefined, turns, bound);
    const given = Object.entries(ports).map(([called, end]) => [called, end.give()] as const);
    home.prepare(name, given);
    const vm = new VM({ engine: this.options.engine, limits });
    try {
      within(home, () => {
        const all = { ...imports, [importName]: guests.functions };
        const instance = vm.instantiate(module, all, { start: 'defer' });
        member.handles = handlesOf(vm);
        runStart(vm, member.fuel);
        if (options.export !== undefined) vm.start(instance.func(options.export), args);
      });
    } catch (error) {
      for (const [, end] of given) end.release();
      turns.forget(name);
      vm.dispose();
      throw error;
    }
    member.vm = vm;
    turns.join(member);
    if (member.hasProgram) turns.wake(member);
    return member;
  }

  private checkNew(name: string, { module, ports = {} }: MemberOptions): void {
    const { turns, ports: all } = this.parts;
    if (turns.members.has(name)) throw new UsageError(`the group has a member ${quoted(name)} already`);
    all.checkMembers(turns.members.size + 1);
    const ends = Object.values(ports);
    for (const end of ends) end.checkHeld();
    if (new Set(ends).size < ends.length) throw new UsageError('each end of a port is given once; clone makes others');
    if (ends.length > 0 && !module.imports.some((each) => each.module === importName))
      throw new UsageError(
        `${quoted(name)} has no use for ports: its module imports nothing from ${quoted(importName)}`,
      );
  }

  /** Throws UsageError where there is none of the name. */
  member(name: string): Member {
    return this.parts.turns.members.get(name) ?? unknownMember(name);
  }

  /** In the order in which they were added. */
  get members(): readonly Member[] {
    return this.parts.turns.list;
  }

  /** Ends a member: its ports lose it, and who calls it fails. Throws UsageError from within a host function. */
  cancel(name: string, reason = 'it was cancelled'): void {
    const member = this.member(name);
    this.checkBetween('cancel');
    this.parts.turns.endWith(member, { status: 'failed', error: new PeerError(reason, name) });
  }

  // Running

  /**
   * Runs the members in turn, until the programs of all have ended, or it is to stop: then it can go on, or be saved. While
   * all wait for the host, so does it. Rejects with DeadlockError where they wait for each other; UsageError while it runs.
   */
  async run(options: GroupRunOptions = {}): Promise<GroupOutcome> {
    checkRun(options);
    return this.running(() => this.parts.turns.run(new Interrupts(options)));
  }

  /** As `run`, but also until all wait, of which it tells; `isElsewhere`: what a member waits for is no work of this thread. @hidden */
  async runBusy(
    options: InterruptOptions,
    isElsewhere: (member: string) => boolean,
  ): Promise<GroupOutcome | GroupIdle> {
    const { turns } = this.parts;
    const outcome = await this.running(() => turns.whileBusy(new Interrupts(options)));
    return outcome === 'idle' ? { status: 'idle', ...turns.waiting(isElsewhere) } : outcome;
  }

  /** Puts back what a receiver of the port has taken out last; where nobody has hold of the port any more, it is lost. @hidden */
  putBack(port: string, message: Received): void {
    this.parts.ports.putBack(port, {
      bytes: message.bytes,
      ends: message.ports.map((end) => end.give()),
    });
  }

  /** Fuel that members have used since the group was made or restored. @hidden */
  get fuelUsed(): number {
    return this.parts.turns.fuelUsed;
  }

  /** How often members have called those of other threads. @hidden */
  get farCalls(): number {
    return this.parts.turns.far.made;
  }

  /** Whether members wait, and nobody of this thread could end that, nor the host. @hidden */
  get isStuck(): boolean {
    return this.parts.turns.isStuck;
  }

  /** Whether a member can go on. @hidden */
  get isReady(): boolean {
    return this.parts.turns.isReady;
  }

  /** Those that have to run before they can be saved do so. @hidden */
  settle(): void {
    this.parts.turns.settle();
  }

  /** Who has hold of what. @hidden */
  get topology(): Topology {
    return topologyOf(this.parts);
  }

  /** Names of ports that are on other threads. @hidden */
  get outlets(): readonly string[] {
    return this.parts.ports.list.filter(({ isHere }) => !isHere).map(({ name }) => name);
  }

  /** A member elsewhere has failed, and all others are to end. @hidden */
  failAll(cause: Error): void {
    this.parts.turns.endAll(cause);
  }

  /** Until a member can go on that waits now. @hidden */
  news(): Promise<void> {
    return this.parts.turns.news();
  }

  private async running<T>(run: () => Promise<T>): Promise<T> {
    if (this.isRunning) throw new UsageError('the group is running already');
    this.isRunning = true;
    try {
      return await run();
    } finally {
      this.isRunning = false;
    }
  }

  // As a value

  /**
   * All of the group: its members, what is in its ports, and the calls that are under way. It goes on unharmed, also while it
   * runs. Throws SnapshotError, and UsageError from within a host function.
   */
  save(): GroupSnapshot {
    this.checkBetween('save');
    this.parts.turns.settle();
    return new GroupSnapshot(savedGroup(this.parts));
  }

  /**
   * A group out of a snapshot. `imports`: what each member imports besides, by its name, as when it was added. The ends of
   * ports that the host had are those of `sender` and `receiver`. Throws SnapshotError, LimitError, LinkError, UsageError.
   */
  static restore(from: Uint8Array | GroupSnapshot, options: GroupRestoreOptions = {}): Group {
    checkRestore(options);
    return Group.restorePart(from instanceof GroupSnapshot ? from : GroupSnapshot.decode(from), options);
  }

  /** With a bridge, the part that it tells. @hidden */
  static restorePart({ data }: GroupSnapshot, options: GroupRestoreOptions, bridge?: Bridge): Group {
    const { modules: _, imports: __, memberLimits: ___, ...own } = options;
    const group = new Group(own, bridge);
    try {
      fill(group.parts, data, options);
    } catch (error) {
      group.dispose();
      throw error;
    }
    return group;
  }

  /** A second group in the same state: what the host had hold of, it has in both. Throws as `save` and `restore` do. */
  fork(): Group {
    return Group.restore(this.save(), {
      ...this.options,
      modules: [...new Set(this.members.flatMap((member) => (member.vm === undefined ? [] : [member.module])))],
      imports: (name) => this.member(name).imports,
    });
  }

  /** Ends all members. Throws UsageError from within a host function. */
  dispose(): void {
    this.checkBetween('dispose');
    this.parts.turns.dispose();
  }

  /** For `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  private checkBetween(act: string): void {
    if (this.parts.turns.isWithin) throw new UsageError(`${act}: a host function of a member is running`);
  }
}

function nothingOf(what: string, port: string): never {
  throw new UsageError(`the host had no ${what} of port ${quoted(String(port))} when the group was saved`);
}

function unknownMember(name: string): never {
  throw new UsageError(`the group has no member ${quoted(String(name))}`);
}
