// What the main thread and its workers say to each other of a group of VMs that talk, or of a part of one: one order and one reply
// a slice. All that goes in or out goes with them; what parts have of each other is in memory that they share (talk/threads/bridge.ts).
// Between slices nothing else is on its way, and a group is where its state is.

import type { GroupLimits } from '../../talk/ports/ports.ts';
import type { BridgeData } from '../../talk/threads/memory.ts';
import type { Topology } from '../../talk/topology.ts';
import type { LimitOptions, VmOptions } from '../../vm.ts';
import type { Parcel } from './parcel.ts';
import type { Answer, CodeParcel, ErrorData, ModuleParcel } from './protocol.ts';

/** The host's hold of an end of a port: positive where the main thread has named it, negative where a worker has. */
export type EndId = number;

/** What a member imports besides, wherever it is made or restored. */
export interface MemberImports {
  /** Calls of other members: import module, name of the member, hash of its module. */
  readonly calls: readonly (readonly [imported: string, member: string, module: string])[];
  /** URL of a module of host functions. */
  readonly host: string | undefined;
}

/** A member that is to be made. */
export interface MemberOrder extends MemberImports {
  /** By its hash. */
  readonly module: string;
  readonly export: string | undefined;
  /** A list of values. */
  readonly args: Parcel;
  readonly ports: readonly (readonly [name: string, end: EndId])[];
  readonly limits: LimitOptions | undefined;
  readonly fuel: number | undefined;
}

/** What a port may hold. */
export interface PortOrder {
  readonly name?: string | undefined;
  readonly messages?: number | undefined;
  readonly bytes?: number | undefined;
}

/** Something that the group is asked to do at the beginning of a slice; each once, in order. */
export type GroupAct =
  | { readonly kind: 'port'; readonly options: PortOrder; readonly sender: EndId; readonly receiver: EndId }
  | { readonly kind: 'subscribe'; readonly topic: string; readonly options: PortOrder; readonly receiver: EndId }
  | { readonly kind: 'add'; readonly name: string; readonly member: MemberOrder }
  | { readonly kind: 'clone'; readonly end: EndId; readonly as: EndId }
  /** What was received and nobody took is to be what comes next at the port, in this order. */
  | {
      readonly kind: 'return';
      /** By which they came. */
      readonly end: EndId;
      readonly port: string;
      readonly messages: readonly { readonly bytes: Uint8Array; readonly ends: readonly EndId[] }[];
    }
  | { readonly kind: 'close'; readonly end: EndId; readonly reason: string | undefined }
  /** A member of another part has failed, and all others are to end. */
  | { readonly kind: 'fail'; readonly error: ErrorData }
  | { readonly kind: 'cancel'; readonly member: string; readonly reason: string | undefined };
export type NumberedAct = GroupAct & { readonly number: number };

/** A message that is to be sent, once there is room for it. */
export interface SendOrder {
  readonly number: number;
  readonly end: EndId;
  readonly bytes: Uint8Array;
  /** They go along. */
  readonly ends: readonly EndId[];
}

/** What became of an act or a message, by its number. */
export type Done =
  | { readonly number: number; readonly error?: undefined; readonly value?: unknown }
  | { readonly number: number; readonly error: ErrorData };

/** What a worker knows an end by. */
export interface HeldEnd {
  readonly id: EndId;
  readonly side: 'send' | 'receive';
  readonly port: string;
}

/** A part of a group, or all of it, as it was at the end of a slice. */
export interface PieceOfGroup {
  /** As `GroupSnapshot.encode` writes it. */
  readonly bytes: Parcel;
  /** Names of ports that are another part's. */
  readonly outlets: readonly string[];
  /** All that the main thread has hold of. */
  readonly ends: readonly HeldEnd[];
  /** Where the group may be split. */
  readonly topology: Topology | undefined;
}

/** All of a group, between two slices. */
export interface GroupState {
  readonly pieces: readonly PieceOfGroup[];
  /** Names of all members, in order. */
  readonly members: readonly string[];
}

/** What a thread is given of a group that it goes on with: of all pieces what is its part's. */
export interface GroupOrigin extends GroupState {
  readonly bridge: BridgeData | undefined;
  /** Those of the part. */
  readonly ends: readonly HeldEnd[];
  /** The least number of an end, of all parts. */
  readonly lowestEnd: EndId;
}

/** Main thread to worker: do a slice of a group. */
export interface GroupTask {
  readonly kind: 'group';
  /** The worker's word in `WorkerData.pause`. */
  readonly slot: number;
  /** No job has its number. */
  readonly group: number;
  readonly modules: readonly ModuleParcel[];
  readonly forget: readonly string[];
  /** Groups and jobs of which it has kept something for nothing. */
  readonly drop: readonly number[];
  /** Nothing yet; what this worker has kept; or what was saved. */
  readonly from: 'new' | 'kept' | GroupOrigin;
  readonly options: {
    readonly limits: Partial<GroupLimits> | undefined;
    readonly memberLimits: LimitOptions | undefined;
    readonly engine: VmOptions['engine'];
    readonly sliceFuel: number | undefined;
    readonly onFailure: 'go on' | 'end' | undefined;
  };
  /** Of members that were made before, for one that is restored. */
  readonly imports: ReadonlyMap<string, MemberImports>;
  /** Import modules that the main thread answers for. */
  readonly services: readonly string[];
  readonly acts: readonly NumberedAct[];
  readonly sends: readonly SendOrder[];
  /** How many messages the main thread waits for, by end. */
  readonly wants: readonly (readonly [end: EndId, count: number])[];
  readonly answers: readonly MemberAnswer[];
  /** Whether members may run, or only what is asked is done. */
  readonly mayRun: boolean;
  /** At the end the worker keeps the group; and gives a copy; or gives all of it. */
  readonly at: 'keep' | 'copy' | 'give';
  /** Who has hold of what is told with a copy. */
  readonly mayBeSplit: boolean;
  /** The slice is over after so many ms. */
  readonly mostMs: number;
}

/** What a service answered to a member. */
export interface MemberAnswer {
  readonly member: string;
  readonly answer: Answer;
}

/** A member's call of a service. */
export interface MemberCall {
  readonly member: string;
  readonly id: number;
  readonly module: string;
  readonly name: string;
  /** A list of values. */
  readonly args: Parcel;
}

/** What came out of a port for the main thread. */
export interface FromPort {
  readonly end: EndId;
  readonly port: string;
  readonly messages: readonly { readonly bytes: Uint8Array; readonly ends: readonly HeldEnd[] }[];
  /** Nobody sends any more, and all was received; the reason, where whoever closed it has told one. */
  readonly over: { readonly reason: string | undefined } | undefined;
}

/** How a member's program ended. `values` is a list. */
export type EndOfMember =
  | { readonly status: 'returned'; readonly values: Parcel }
  | { readonly status: 'exited'; readonly code: number }
  | { readonly status: 'failed'; readonly error: ErrorData };

export type GroupEnd =
  /** It can go on. */
  | { readonly kind: 'rested' }
  /** All members wait for the main thread, or until a time, in ms since 1970; stuck: only another part could end that. */
  | { readonly kind: 'idle'; readonly until: number; readonly isStuck: boolean }
  /** All programs have ended. */
  | { readonly kind: 'ended' }
  /** They wait for each other. */
  | { readonly kind: 'failed'; readonly error: ErrorData }
  /** The group could not be restored, or is of no use any more. */
  | { readonly kind: 'gone'; readonly error: ErrorData };

/** Worker to main thread. */
export interface GroupReply {
  readonly end: GroupEnd;
  readonly done: readonly Done[];
  readonly received: readonly FromPort[];
  readonly calls: readonly MemberCall[];
  /** Members that have ended since the last reply. */
  readonly ended: readonly (readonly [member: string, end: EndOfMember])[];
  /** As the order's `at` asked. */
  readonly state: PieceOfGroup | { readonly error: ErrorData } | undefined;
  /** Of a part: ports with which all who have hold of them have to be on one thread. */
  readonly joins: readonly string[];
  /** Members that have to be where topics are that do not reach all parts. */
  readonly topics: readonly string[];
  /** A member can go on only once the group is whole. */
  readonly mustJoin: boolean;
  /** Of a part whose members end together with those of others: what one has failed with. */
  readonly failure: ErrorData | undefined;
  /** Fuel that members have used in this slice. */
  readonly fuel: number;
  /** How often they have called members of other parts. */
  readonly farCalls: number;
  readonly compiled: readonly CodeParcel[];
}
