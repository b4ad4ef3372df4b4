// What groups on a pool, and members of them, are made with; each option with its check.

import type { Value } from '../../runtime/heap/ref.ts';
import {
  aCount,
  aList,
  aNumber,
  anInteger,
  aText,
  aTime,
  type Checks,
  check,
  listOf,
  oneOf,
  optionsOf,
  recordOf,
  theOptions,
} from '../../spec/options.ts';
import { type GroupOptions, groupChecks } from '../../talk/options.ts';
import { mostParts } from '../../talk/threads/memory.ts';
import { limitOptions } from '../../vm/options.ts';
import type { LimitOptions } from '../../vm.ts';
import { priorities } from '../line/ticket.ts';
import { aModule, type ModuleLike } from '../told/module-bytes.ts';
import { anIdentity, aUrl, someServices } from '../told/options.ts';
import type { Service } from '../told/services.ts';
import { PoolReceiver, PoolSender } from './ends.ts';

/** What a group on a pool is made with. */
export interface PoolGroupOptions extends GroupOptions {
  /** Services of all members, by import module, besides those of the pool. */
  readonly services?: Readonly<Record<string, Service>> | undefined;
  /** How long a service may take to answer, in ms. Without it, as long as it likes. */
  readonly serviceTimeout?: number | undefined;
  /**
   * What services know the group by, wherever it is resumed: up to 200 characters, a random UUID unless told. They are told it
   * with the member's name, as in `id/name`.
   */
  readonly identity?: string | undefined;
  /**
   * How many threads its members may have at the same time, up to 16; 1 unless told. Those that talk most with each other are kept
   * together. Always together are those that have hold of ports by which ends of ports are sent, that receive from the same port, or
   * talk by one, or by a topic with one, of more than 2047 messages or 1 MiB.
   */
  readonly threads?: number | undefined;
  /** Whose the group is, as of a job. */
  readonly tenant?: string | undefined;
  /** From -20 to 20: each step doubles the share of slices among a tenant's jobs. */
  readonly priority?: number | undefined;
  /**
   * What becomes of the group when its thread dies: `fail` ends it with WorkerError; with `retry` it is copied after each slice,
   * and the next thread does the slice again that was lost.
   */
  readonly onCrash?: 'fail' | 'retry' | undefined;
}

/** What a member imports besides `wasbox` and services. */
export interface PoolMemberImports {
  /**
   * Calls of other members: by import module the name of a member that is there already, or its name and its module, where it
   * will be.
   */
  readonly calls?:
    | Readonly<Record<string, string | { readonly member: string; readonly module: ModuleLike }>>
    | undefined;
  /** URL of a module whose `imports` (or default export) are host functions: an object, or a function that makes it. */
  readonly host?: URL | string | undefined;
}

/** What a member of a group on a pool is made with. */
export interface PoolMemberOptions extends PoolMemberImports {
  readonly module: ModuleLike;
  /** The function that is its program; without it, it does what others call. */
  readonly export?: string | undefined;
  readonly args?: readonly Value[] | undefined;
  /**
   * Ends of ports, given to it: its handles 0, 1, … in this order, which it also finds by these names (`named`). They cannot
   * be used here any more; `clone` makes others.
   */
  readonly ports?: Readonly<Record<string, PoolSender | PoolReceiver>> | undefined;
  /** Of its VM. */
  readonly limits?: LimitOptions | undefined;
  /** Units that its program may use; without it there is no bound. */
  readonly fuel?: number | undefined;
}

/** What a group goes on with that was saved: what its snapshot names and does not hold. */
export interface ResumeGroupOptions extends PoolGroupOptions {
  /** Found by their hash. */
  readonly modules?: readonly ModuleLike[] | undefined;
  /** What members import besides, by their names. */
  readonly members?: Readonly<Record<string, PoolMemberImports>> | undefined;
  /** Of each member's VM; those of the snapshot where they are lower. */
  readonly memberLimits?: LimitOptions | undefined;
}

const poolGroupChecks: Checks<PoolGroupOptions> = {
  ...groupChecks,
  services: someServices,
  serviceTimeout: aTime,
  identity: anIdentity,
  threads: anInteger(1, mostParts),
  tenant: anIdentity,
  priority: aNumber(priorities.least, priorities.most),
  onCrash: oneOf('fail', 'retry'),
};
const poolGroupOptions = optionsOf<PoolGroupOptions>(poolGroupChecks);
const aCallee = check(
  (v: unknown) => typeof v === 'string' || (Object(v) === v && typeof (v as { member?: unknown }).member === 'string'),
  'the name of a member, or `{ member, module }`',
);
const importChecks: Checks<PoolMemberImports> = { calls: recordOf(aCallee), host: aUrl };
const memberImports = optionsOf<PoolMemberImports>(importChecks);
const isEnd = (v: unknown) => v instanceof PoolSender || v instanceof PoolReceiver;
const someEnds = recordOf(check(isEnd, 'a PoolSender or PoolReceiver of the group'));
const poolMemberOptions = optionsOf<PoolMemberOptions>(
  { ...importChecks, module: aModule, export: aText, args: aList, ports: someEnds, limits: limitOptions, fuel: aCount },
  'module',
);
const resumeGroupOptions = optionsOf<ResumeGroupOptions>({
  ...poolGroupChecks,
  modules: listOf(aModule),
  members: recordOf(memberImports),
  memberLimits: limitOptions,
});

/** Each throws UsageError. */
export const checkPoolGroup = (options: PoolGroupOptions): void => poolGroupOptions(options, theOptions);
export const checkPoolMember = (options: PoolMemberOptions): void => poolMemberOptions(options, theOptions);
export const checkResumeGroup = (options: ResumeGroupOptions): void => resumeGroupOptions(options, theOptions);
export const anEnd = check(isEnd, 'a PoolSender or a PoolReceiver');
