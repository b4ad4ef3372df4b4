// The file that `--save` writes and `resume` reads: a snapshot that stands alone. `encodeRun` and `decodeRun` are a
// pair. What is inside a snapshot is src/snapshot's business; modules are believed only by their hash, which the
// snapshot names.
//
//   magic    8 bytes: 'wasboxfi'
//   version  u32, little endian as all that follows
//   length   u32: bytes of the plan
//   length   u32: bytes of the snapshot
//   count    u32: number of modules
//   lengths  u32 each: bytes of each module
// Then the bytes of the plan, the snapshot and the modules, with nothing between or after them.
// The plan is JSON: the calls to make once the one in the snapshot has returned, each `{ export, args }` with
// arguments as they are written on the command line.

import { SnapshotError } from '../spec/errors.ts';

/** A call as the command line gives it. */
export interface PlannedCall {
  readonly export: string;
  readonly args: readonly string[];
}

export interface SavedRun {
  readonly plan: readonly PlannedCall[];
  readonly snapshot: Uint8Array;
  readonly modules: readonly Uint8Array[];
}

const magic = new TextEncoder().encode('wasboxfi');
const version = 1;
const headerBytes = 24;

export function encodeRun({ plan, snapshot, modules }: SavedRun): Uint8Array {
  const chunks = [new TextEncoder().encode(JSON.stringify(plan)), snapshot, ...modules];
  const head = headerBytes + 4 * modules.length;
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, head));
  const words = [version, chunks[0]?.length, snapshot.length, modules.length, ...modules.map(({ length }) => length)];
  const view = new DataView(bytes.buffer);
  bytes.set(magic);
  words.forEach((word, i) => {
    view.setUint32(magic.length + 4 * i, word as number, true);
  });
  let at = head;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

export const isSavedRun = (bytes: Uint8Array): boolean => magic.every((byte, i) => bytes[i] === byte);

/** Throws SnapshotError. */
export function decodeRun(bytes: Uint8Array): SavedRun {
  if (bytes.length < headerBytes) throw new SnapshotError('cut short', 'header');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const word = (i: number) => view.getUint32(magic.length + 4 * i, true);
  if (word(0) !== version)
    throw new SnapshotError(`made by another version of wasbox (file format ${word(0)})`, 'header');
  const modules = word(3);
  if (modules > (bytes.length - headerBytes) / 4) throw new SnapshotError('cut short', 'header');
  const lengths = [word(1), word(2), ...Array.from({ length: modules }, (_, i) => word(4 + i))];
  const [plan, snapshot, ...rest] = slices(bytes, headerBytes + 4 * modules, lengths);
  return { plan: readPlan(plan as Uint8Array), snapshot: snapshot as Uint8Array, modules: rest };
}

function slices(bytes: Uint8Array, start: number, lengths: readonly number[]): Uint8Array[] {
  let at = start;
  const parts = lengths.map((length, i) => {
    if (length > bytes.length - at) throw new SnapshotError('cut short', i < 2 ? 'file' : `module ${i - 2}`);
    at += length;
    return bytes.subarray(at - length, at);
  });
  if (at !== bytes.length) throw new SnapshotError('something follows its last part', 'file');
  return parts;
}

function readPlan(bytes: Uint8Array): PlannedCall[] {
  const plan = parsed(bytes);
  if (!Array.isArray(plan) || !plan.every(isPlannedCall)) throw new SnapshotError('no list of calls', 'plan');
  return plan;
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new SnapshotError('no JSON', 'plan', { cause });
  }
}

function isPlannedCall(call: unknown): call is PlannedCall {
  if (typeof call !== 'object' || call === null) return false;
  const { export: name, args } = call as Partial<PlannedCall>;
  return typeof name === 'string' && Array.isArray(args) && args.every((arg) => typeof arg === 'string');
}
