// What may stand in a container beside the VM, so that one form serves all who save: its modules, the calls that are to
// follow, and what a pool knows of a job. The writer and the reader of each stand side by side.
//
//   modules  of each module: u32 its length, little endian; its bytes. They are believed only by their hash, which the
//            VM's data names
//   calls    JSON: the calls to make once the one that the VM is in has returned, each `{ export, args }`; arguments are
//            as they are written on the command line (runtime/literals.ts)
//   job      bytes that are the pool's business (pool/told/snapshot.ts)

import { SnapshotError } from '../../spec/errors.ts';
import { bad } from '../data/form.ts';
import { contentsOf, type ExtraKind, type Part, type Parts, partsOf } from './parts.ts';

/** A call that is to follow. */
export interface PlannedCall {
  /** Of the VM's first instance. */
  readonly export: string;
  /** As on the command line. */
  readonly args: readonly string[];
}

/** What stands beside the VM in what was saved. */
export interface Extras {
  /** Bytes of modules. */
  readonly modules: readonly Uint8Array[];
  /** To be made in turn, once the call that the VM is in has returned. */
  readonly calls: readonly PlannedCall[];
  /** What a pool says of the job. */
  readonly job: Uint8Array | undefined;
}
export const noExtras: Extras = { modules: [], calls: [], job: undefined };

/** Bytes of all calls that follow: a command line has no more. */
const mostCallBytes = 2 ** 22;
/** Magic and version. */
const leastModuleBytes = 8;

export const isSome = ({ modules, calls, job }: Extras): boolean =>
  modules.length > 0 || calls.length > 0 || job !== undefined;

/** Throws SnapshotError for calls that nobody would read. */
export function extraParts({ modules, calls, job }: Extras): Part[] {
  return [
    ...extra('modules', listed(modules)),
    ...extra('calls', calls.length === 0 ? none : writtenCalls(calls)),
    ...extra('job', job ?? none),
  ];
}
const none = new Uint8Array(0);

function writtenCalls(calls: readonly PlannedCall[]): Uint8Array {
  const bytes = new TextEncoder().encode(JSON.stringify(calls));
  return bytes.length <= mostCallBytes ? bytes : bad(`${bytes.length} bytes, ${mostCallBytes} are the most`, 'calls');
}

const extra = (kind: ExtraKind, bytes: Uint8Array): Part[] =>
  partsOf(kind, bytes.length, (start, end) => bytes.subarray(start, end));

/** Throws SnapshotError. */
export function extrasOf(parts: Parts): Extras {
  const calls = contentsOf(parts, 'calls', mostCallBytes);
  const job = contentsOf(parts, 'job', Number.POSITIVE_INFINITY);
  return {
    modules: unlisted(contentsOf(parts, 'modules', Number.POSITIVE_INFINITY)),
    calls: calls.length === 0 ? [] : readCalls(calls),
    job: job.length === 0 ? undefined : job,
  };
}

function listed(modules: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(modules.reduce((sum, { length }) => sum + 4 + length, 0));
  const view = new DataView(all.buffer);
  let at = 0;
  for (const module of modules) {
    view.setUint32(at, module.length, true);
    all.set(module, at + 4);
    at += 4 + module.length;
  }
  return all;
}

function unlisted(all: Uint8Array): Uint8Array[] {
  const view = new DataView(all.buffer, all.byteOffset, all.length);
  const modules: Uint8Array[] = [];
  for (let at = 0; at < all.length; ) {
    const left = all.length - at - 4;
    const length = left < leastModuleBytes ? 0 : view.getUint32(at, true);
    if (length < leastModuleBytes || length > left) bad('cut short', `module ${modules.length}`);
    modules.push(all.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return modules;
}

/** Throws SnapshotError. */
export function readCalls(bytes: Uint8Array): PlannedCall[] {
  const calls = parsed(bytes);
  if (!Array.isArray(calls) || !calls.every(isPlannedCall)) return bad('no list of calls', 'calls');
  return calls;
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new SnapshotError('no JSON', 'calls', { cause });
  }
}

export function isPlannedCall(call: unknown): call is PlannedCall {
  if (typeof call !== 'object' || call === null) return false;
  const { export: name, args } = call as Partial<PlannedCall>;
  return typeof name === 'string' && Array.isArray(args) && args.every((arg) => typeof arg === 'string');
}

/** What anybody of wasbox has saved, taken apart: the VM's container by itself, and what stood beside it. */
export interface Opened {
  readonly vm: Uint8Array;
  readonly extras: Extras;
}
