// A group as data and as bytes: a container whose parts are
//   group     text: ports, topics, members and calls, as `GroupData` says, with lengths where there are bytes
//   members   the containers of the members' VMs, one after the other
//   messages  the bytes of all messages, one after the other

import type { Value } from '../../runtime/heap/ref.ts';
import { readMetadata, writeMetadata } from '../../snapshot/container/metadata.ts';
import { contentsOf, isOfGroup, joinParts, type Part, partsOf, readParts } from '../../snapshot/container/parts.ts';
import { Snapshot, snapshotBytes } from '../../snapshot/snapshot.ts';
import { SnapshotError } from '../../spec/errors.ts';
import { aNumber, optionsOf, theOptions } from '../../spec/options.ts';
import type { GroupData } from './format.ts';
import { checkGroupData } from './verify.ts';

/** How bytes are read: what a group may take, however little its bytes are. */
export interface GroupDecodeOptions {
  /** The most bytes of all messages, of all members' snapshots as they are written, and of one as it is read; 1 GiB unless told. */
  readonly maxBytes?: number | undefined;
}
const decodeOptions = optionsOf<GroupDecodeOptions>({ maxBytes: aNumber(0) });
const defaultMaxBytes = 2 ** 30;
const mostMetadata = 2 ** 26;

/** A group as data: `Group.restore` makes a group of it, as often as you like. */
export class GroupSnapshot {
  /** @hidden */
  constructor(
    /** @hidden */
    readonly data: GroupData,
  ) {}

  /** Names of its members. */
  get members(): readonly string[] {
    return this.data.members.map(({ name }) => name);
  }

  /** Throws SnapshotError where a guest holds a value of the host that cannot be written. */
  encode(): Uint8Array<ArrayBuffer> {
    const { ports, members, calls, ...rest } = this.data;
    const vms = members.map(({ vm }) => vm?.encode() ?? none);
    const messages = ports.flatMap(({ queue }) => queue.map(({ bytes }) => bytes));
    const text = writeMetadata({
      ...rest,
      ports: ports.map((port) => ({
        ...port,
        queue: port.queue.map(({ bytes, ends }) => ({ bytes: bytes.length, ends })),
      })),
      members: members.map((member, i) => ({
        ...member,
        vm: member.vm && (vms[i] as Uint8Array).length,
        outcome: member.outcome && written(member.outcome),
      })),
      calls: calls.map((call) => ({
        ...call,
        args: call.args.map(writtenValue),
        answer: call.answer && written(call.answer),
      })),
    });
    return joinParts([...parts('group', [text]), ...parts('members', vms), ...parts('messages', messages)], 1);
  }

  /** Throws SnapshotError. What it says of VMs is verified when it is restored. */
  static decode(bytes: Uint8Array, options: GroupDecodeOptions = {}): GroupSnapshot {
    return GroupSnapshot.decoded(bytes, options, false);
  }

  /** A part of a group on several threads, whose calls may be of members in others. Throws SnapshotError. @hidden */
  static decodePiece(bytes: Uint8Array): GroupSnapshot {
    return GroupSnapshot.decoded(bytes, {}, true);
  }

  private static decoded(bytes: Uint8Array, options: GroupDecodeOptions, isPiece: boolean): GroupSnapshot {
    snapshotBytes(bytes, 'a snapshot');
    decodeOptions(options, theOptions);
    const { maxBytes = defaultMaxBytes } = options;
    const all = readParts(bytes);
    if (!isOfGroup(all)) throw new SnapshotError('is of no group; VM.restore takes what a VM was saved as', 'snapshot');
    const text = readMetadata(contentsOf(all, 'group', mostMetadata), mostMetadata);
    const data = checkGroupData(text, isPiece);
    const vms = taker(contentsOf(all, 'members', maxBytes), 'members');
    const messages = taker(contentsOf(all, 'messages', maxBytes), 'messages');
    return new GroupSnapshot({
      ...data,
      members: data.members.map((member) => ({
        ...member,
        vm: member.vm === null ? null : Snapshot.decode(vms(member.vm), { maxBytes }),
        outcome: member.outcome && read(member.outcome),
      })),
      ports: data.ports.map((port) => ({
        ...port,
        queue: port.queue.map(({ bytes: length, ends }) => ({ bytes: messages(length), ends })),
      })),
      calls: data.calls.map((call) => ({
        ...call,
        args: call.args.map(readValue),
        answer: call.answer && read(call.answer),
      })),
    });
  }
}

const none = new Uint8Array(0);

function parts(kind: 'group' | 'members' | 'messages', pieces: readonly Uint8Array[]): Part[] {
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return partsOf(kind, all.length, (start, end) => all.subarray(start, end));
}

function taker(all: Uint8Array, where: string): (length: number) => Uint8Array {
  let at = 0;
  return (length) => {
    if (length > all.length - at) throw new SnapshotError('cut short', where);
    at += length;
    return all.slice(at - length, at);
  };
}

// Values: numbers as their bits, for text knows no negative zero.

const writtenValue = (value: Value): unknown => (typeof value === 'number' ? Float64Array.of(value) : value);
const readValue = (value: Value): Value => (value instanceof Float64Array ? value[0] : value);

const written = <T extends object>(what: T): T =>
  'values' in what ? { ...what, values: (what.values as Value[]).map(writtenValue) } : what;
const read = <T extends object>(what: T): T =>
  'values' in what ? { ...what, values: (what.values as Value[]).map(readValue) } : what;
