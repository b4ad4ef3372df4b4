// A group that is run turn by turn, and hops from engine to engine.

import { setTimeout } from 'node:timers/promises';
import type { Module } from '../../src/index.ts';
import {
  DeadlockError,
  Group,
  type GroupOptions,
  type GroupOutcome,
  type GroupRestoreOptions,
  type MemberOptions,
  type MemberOutcome,
  type PortOptions,
  type Receiver,
  type Sender,
} from '../../src/talk/index.ts';
import { Random } from '../fuzz/random.ts';
import { bytesOf, textOf } from './guests.ts';

export const engines = ['interpreter', 'native'] as const;
export type Engine = (typeof engines)[number];
export const otherEngine = (engine: Engine): Engine => (engine === 'native' ? 'interpreter' : 'native');

/** A signal that lets a run take so many turns, or fewer where all wait then. */
export function turns(count: number): AbortSignal {
  // It is looked at once when options are checked.
  let left = count + 1;
  const signal = {
    get aborted() {
      return left-- <= 0;
    },
    reason: 'turns',
    addEventListener(_: string, stop: () => void) {
      left = 0;
      stop();
    },
    removeEventListener() {},
  };
  return signal as unknown as AbortSignal;
}

/** How a world is tried: on each engine as it is; and saved now and then, to be restored on the other engine. */
export interface Way {
  readonly engine: Engine;
  /** Units of a turn; few, so that a member is saved in the midst of what it does. */
  readonly sliceFuel?: number;
  /** Where it hops, after how many turns: a seed. */
  readonly hops?: number;
}
export type WorldOptions = GroupOptions & Pick<GroupRestoreOptions, 'imports' | 'memberLimits'>;

/** Until all wait: more than any of these tests takes. */
const mostTurns = 5000;

/** A group, and the host's ends of its ports by the names of those: both are others after a hop. */
export class World {
  readonly modules: Module[] = [];
  readonly senders = new Map<string, Sender>();
  readonly receivers = new Map<string, Receiver>();
  group: Group;
  hops = 0;
  private engine: Engine;
  private readonly random: Random;

  constructor(
    private readonly way: Way,
    /** What groups are made and restored with. */
    private readonly options: WorldOptions = {},
  ) {
    const { imports: _, memberLimits: __, ...own } = options;
    this.engine = way.engine;
    this.random = new Random(way.hops ?? 0);
    this.group = new Group({ sliceFuel: way.sliceFuel, ...own, engine: way.engine });
  }

  get isHopping(): boolean {
    return this.way.hops !== undefined;
  }

  /** Ports, whose ends are kept by their names. */
  ports(...names: readonly string[]): void {
    for (const name of names) this.port(name);
  }

  port(name: string, options: PortOptions = {}): void {
    const { sender, receiver } = this.group.port({ ...options, name });
    this.senders.set(name, sender);
    this.receivers.set(name, receiver);
  }

  sender(name: string): Sender {
    return known(this.senders, name);
  }

  receiver(name: string): Receiver {
    return known(this.receivers, name);
  }

  /** Ends that are given away: `> port` where it is sent, `< port` where it is received, `>> port` and `<< port` others. */
  private end(text: string): Sender | Receiver {
    const [sign = '', name = ''] = text.split(' ');
    const end = sign.startsWith('>') ? this.sender(name) : this.receiver(name);
    return sign.length > 1 ? end.clone() : end;
  }

  /** A member whose handles are these, in this order; its program is `main` unless told. */
  add(name: string, module: Module, ends: readonly string[] = [], options: Partial<MemberOptions> = {}): void {
    if (!this.modules.includes(module)) this.modules.push(module);
    const imports = this.options.imports?.(name);
    const ports = Object.fromEntries(ends.map((end) => [end, this.end(end)]));
    this.group.add(name, { module, export: 'main', imports, ...options, ports });
  }

  /** Throws where there is no room. */
  send(name: string, ...texts: readonly string[]): void {
    for (const text of texts) if (!this.sender(name).trySend(bytesOf(text))) throw new Error(`${name} is full`);
  }

  /** All that is in a port. */
  async taken(name: string): Promise<string[]> {
    const texts: string[] = [];
    const receiver = this.receiver(name);
    while (receiver.size > 0) texts.push(textOf((await receiver.receive())?.bytes ?? new Uint8Array(0)));
    return texts;
  }

  /** Saved, and restored on the other engine. */
  hop(): void {
    const { group, senders, receivers, modules } = this;
    const held = (ends: ReadonlyMap<string, Sender | Receiver>) =>
      [...ends].filter(([, end]) => isHeld(end)).map(([name]) => name);
    const [sending, receiving] = [held(senders), held(receivers)];
    const bytes = group.save().encode();
    group.dispose();
    this.engine = otherEngine(this.engine);
    const { sliceFuel } = this.way;
    this.group = Group.restore(bytes, { sliceFuel, ...this.options, engine: this.engine, modules });
    for (const name of sending) senders.set(name, this.group.sender(name));
    for (const name of receiving) receivers.set(name, this.group.receiver(name));
    this.hops++;
  }

  /** Runs to the end; where it hops, there has to be an end without the host. */
  async run(): Promise<GroupOutcome> {
    for (;;) {
      const outcome = await this.group.run(this.isHopping ? { signal: this.someTurns() } : {});
      if (!this.isHopping || outcome.status === 'ended') return outcome;
      if (!this.isReady) await this.somebodyReady();
      this.hop();
    }
  }

  private someTurns(): AbortSignal {
    return turns(this.hops === 0 ? 1 : 1 + this.random.below(3 * this.group.members.length));
  }

  private get isReady(): boolean {
    return this.group.members.some(({ status }) => status === 'ready');
  }

  /** Some wait for the host or for the time: for a moment, so do we. */
  private async somebodyReady(): Promise<void> {
    for (let i = 0; i < 20 && !this.isReady; i++) await setTimeout(1);
  }

  /** Runs until all wait, if only for each other, or have ended. */
  async settle(): Promise<void> {
    for (let hops = 0; this.isHopping && hops < 20; hops++) {
      await this.runOr(this.someTurns());
      this.hop();
    }
    for (let left = mostTurns; this.isReady; left--) {
      if (left === 0) throw new Error('some member is always ready');
      await this.runOr(turns(1));
    }
  }

  private async runOr(signal: AbortSignal): Promise<void> {
    try {
      await this.group.run({ signal });
    } catch (error) {
      if (!(error instanceof DeadlockError)) throw error;
    }
  }

  /** How the program of each member ended: its results, its exit code, or its error. */
  async ended(): Promise<Record<string, unknown>> {
    const outcome = await this.run();
    if (outcome.status !== 'ended') throw new Error(`it is ${outcome.status}`);
    return Object.fromEntries([...outcome.members].map(([name, how]) => [name, toldOf(how)]));
  }
}

function toldOf(outcome: MemberOutcome): unknown {
  if (outcome.status === 'returned') return outcome.values;
  return outcome.status === 'exited' ? outcome.code : outcome.error;
}

function known<T>(map: ReadonlyMap<string, T>, name: string): T {
  const found = map.get(name);
  if (found === undefined) throw new Error(`there is no port ${name}`);
  return found;
}

/** Whether the host still has it. */
function isHeld(end: Sender | Receiver): boolean {
  try {
    end.checkHeld();
    return true;
  } catch {
    return false;
  }
}
