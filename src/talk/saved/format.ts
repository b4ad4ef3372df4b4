// What a group is as data.

import type { Value } from '../../runtime/heap/ref.ts';
import type { Snapshot } from '../../snapshot/snapshot.ts';
import type { Fuel } from '../members/member.ts';
import type { Side } from '../ports/port.ts';

/** The end of a port, by the port's number in the snapshot. */
export type SavedEnd = readonly [port: number, side: Side];

/** A message; `B`: its bytes, or how many they are. */
export interface SavedMessage<B = Uint8Array> {
  readonly bytes: B;
  readonly ends: readonly SavedEnd[];
}

export interface SavedPort<B = Uint8Array> {
  readonly name: string;
  readonly messages: number;
  readonly bytes: number;
  readonly closed: boolean;
  readonly reason: string | null;
  /** Which ends the host had hold of. */
  readonly host: { readonly send: boolean; readonly receive: boolean };
  readonly queue: readonly SavedMessage<B>[];
}

export type SavedOutcome =
  | { readonly status: 'returned'; readonly values: readonly Value[] }
  | { readonly status: 'exited'; readonly code: number }
  | { readonly status: 'failed'; readonly error: string };

export interface SavedMember<V = Snapshot | null> {
  readonly name: string;
  /** Hash of its module. */
  readonly module: string;
  readonly hasProgram: boolean;
  /** Null for no bound. */
  readonly fuel: Readonly<Fuel> | null;
  readonly outcome: SavedOutcome | null;
  /** Null where it has no VM any more. */
  readonly vm: V;
}

export interface SavedCall {
  readonly id: number;
  readonly caller: string;
  readonly callee: string;
  readonly name: string;
  readonly args: readonly Value[];
  /** Whether it waits for its turn, is under way, or has been answered. */
  readonly state: 'queued' | 'serving' | 'answered';
  readonly answer: { readonly values: readonly Value[] } | { readonly error: string } | null;
}

/** All of a group. */
export interface GroupData<B = Uint8Array, V = Snapshot | null> {
  readonly ports: readonly SavedPort<B>[];
  /** Of each its name, and the ports of those who listen. */
  readonly topics: readonly { readonly name: string; readonly ports: readonly number[] }[];
  readonly members: readonly SavedMember<V>[];
  /** In the order in which they were made. */
  readonly calls: readonly SavedCall[];
  readonly nextCall: number;
  /** Names of members: whose turn it is, and who waits for ports, both in their order. */
  readonly order: { readonly ready: readonly string[]; readonly waiting: readonly string[] };
}
