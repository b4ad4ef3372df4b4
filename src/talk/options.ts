// What groups, members and ports are made with, and what comes of running a group; each option with its check.

import type { Interruption } from '../runtime/engine.ts';
import type { Value } from '../runtime/heap/ref.ts';
import { Module } from '../runtime/module/module.ts';
import {
  aCount,
  aFunction,
  aList,
  anInteger,
  anObject,
  aSignal,
  aText,
  aTime,
  type Checks,
  check,
  instanceOf,
  listOf,
  oneOf,
  optionsOf,
  type Signal,
  theOptions,
} from '../spec/options.ts';
import { mostOfName } from '../spec/told.ts';
import { type EngineName, engineOption } from '../vm/engines.ts';
import { limitOptions } from '../vm/options.ts';
import type { Imports, LimitOptions } from '../vm.ts';
import { Receiver, Sender } from './ends.ts';
import type { MemberOutcome } from './members/member.ts';
import type { PortBounds } from './ports/port.ts';
import { defaultGroupLimits, type GroupLimits } from './ports/ports.ts';

/** What a group is made with. */
export interface GroupOptions {
  /** What the members may have together. */
  readonly limits?: { readonly [K in keyof GroupLimits]?: GroupLimits[K] | undefined } | undefined;
  /** What runs the guests: `auto` unless told. */
  readonly engine?: EngineName | undefined;
  /** Units of fuel of a member's turn; 100,000 unless told. */
  readonly sliceFuel?: number | undefined;
  /** Where a member's program fails: its ports lose it, and others go on (`go on`, unless told), or all end (`end`). */
  readonly onFailure?: 'go on' | 'end' | undefined;
}

/** What a member is made with. */
export interface MemberOptions {
  readonly module: Module;
  /** The function that is its program; without it, it does what others call. */
  readonly export?: string | undefined;
  readonly args?: readonly Value[] | undefined;
  /** What it imports besides `wasbox`: host functions, and `callsTo` other members. */
  readonly imports?: Imports | undefined;
  /**
   * Ends of ports, given to it: its handles 0, 1, … in this order, which it also finds by these names (`named`). They cannot
   * be used here any more; `clone` makes others.
   */
  readonly ports?: Readonly<Record<string, Sender | Receiver>> | undefined;
  /** Of its VM. */
  readonly limits?: LimitOptions | undefined;
  /** Units that its program may use; without it there is no bound. */
  readonly fuel?: number | undefined;
}

/** What a port is made with. */
export interface PortOptions {
  /** What errors and snapshots call it, and no other port of the group: up to 200 characters. */
  readonly name?: string | undefined;
  /** The most messages that it holds; 64 unless told. */
  readonly messages?: number | undefined;
  /** The most bytes of all messages that it holds; 1 MiB unless told. */
  readonly bytes?: number | undefined;
}

/** How far a group runs: as a VM does. */
export interface GroupRunOptions {
  readonly signal?: Signal | undefined;
  /** Milliseconds, also those in which all wait. */
  readonly timeout?: number | undefined;
}

/** What a group is restored with: what its snapshot names and does not hold. */
export interface GroupRestoreOptions extends GroupOptions {
  /** Found by their hash. */
  readonly modules?: readonly Module[] | undefined;
  /** What a member imports besides `wasbox`, by its name. */
  readonly imports?: ((member: string) => Imports) | undefined;
  /** Of each member's VM; those of the snapshot where they are lower. */
  readonly memberLimits?: LimitOptions | undefined;
}

/** What came of running a group. */
export type GroupOutcome =
  /** All programs have ended: each as it did, by the member's name. */
  | { readonly status: 'ended'; readonly members: ReadonlyMap<string, MemberOutcome> }
  | { readonly status: 'suspended'; readonly reason: Interruption };

/** For those who have more options. */
export const groupChecks: Checks<GroupOptions> = {
  limits: optionsOf<GroupLimits>({
    members: anInteger(0),
    ports: anInteger(0),
    portBytes: anInteger(0),
    topics: anInteger(0),
  }),
  engine: engineOption,
  sliceFuel: anInteger(1),
  onFailure: oneOf('go on', 'end'),
};
const groupOptions = optionsOf<GroupOptions>(groupChecks);
const aModule = instanceOf(Module, 'a Module; Module.from makes one of bytes');
const isEnd = (v: unknown) => v instanceof Sender || v instanceof Receiver;
/** A guest has room for many more. */
const mostGiven = 1024;
const memberOptions = optionsOf<MemberOptions>(
  {
    module: aModule,
    export: aText,
    args: aList,
    imports: anObject,
    ports: check(
      (v: object) => Object.keys(v).length <= mostGiven && Object.values(v).every(isEnd),
      `up to ${mostGiven} Senders and Receivers by their names`,
    ),
    limits: limitOptions,
    fuel: aCount,
  },
  'module',
);
const aName = check((v: string) => v.length > 0 && v.length <= mostOfName, `a text of 1 to ${mostOfName} characters`);
const mostInPort = 2 ** 30;
const portOptions = optionsOf<PortOptions>({
  name: aName,
  messages: anInteger(1, mostInPort),
  bytes: anInteger(0, mostInPort),
});
const runOptions = optionsOf<GroupRunOptions>({ signal: aSignal, timeout: aTime });
const restoreOptions = optionsOf<GroupRestoreOptions>({
  ...groupChecks,
  modules: listOf(aModule),
  imports: aFunction,
  memberLimits: limitOptions,
});

/** Each throws UsageError. */
export const checkGroup = (options: GroupOptions): void => groupOptions(options, theOptions);
export const checkMember = (options: MemberOptions): void => memberOptions(options, theOptions);
export const checkRun = (options: GroupRunOptions): void => runOptions(options, theOptions);
export const checkRestore = (options: GroupRestoreOptions): void => restoreOptions(options, theOptions);
export function checkName(name: string, what: string): void {
  aText(name, what);
  aName(name, what);
}
export function limitsOf({ limits = {} }: GroupOptions): GroupLimits {
  const given = Object.fromEntries(Object.entries(limits).filter(([, limit]) => limit !== undefined));
  return { ...defaultGroupLimits, ...given };
}
export const checkPort = (options: PortOptions): void => portOptions(options, theOptions);

export function boundsOf(options: PortOptions): PortBounds {
  checkPort(options);
  const { messages = 64, bytes = 2 ** 20 } = options;
  return { messages, bytes };
}
