// Two forms that older versions wrote around a VM's container, where now all stand in one. They are read, and never
// written again. All numbers are little endian.
//
// The command line's:
//   magic    8 bytes: 'wasboxfi'
//   version  u32: 1
//   length   u32: bytes of the calls
//   length   u32: bytes of the VM's container
//   count    u32: number of modules
//   lengths  u32 each: bytes of each module
// Then the bytes of the calls, the container and the modules, with nothing between or after them.
//
// A job's:
//   magic    8 bytes: 'wasbxjb1'
//   length   u32: bytes of what the pool knows of the job
//   crc      u32: CRC-32 of them
// Then these bytes, and the VM's container up to the end.

import { SnapshotError } from '../../spec/errors.ts';
import { crc32 } from '../pages/checksum.ts';
import { noExtras, type Opened, readCalls } from './extras.ts';

const runMagic = new TextEncoder().encode('wasboxfi');
const jobMagic = new TextEncoder().encode('wasbxjb1');

const begins = (bytes: Uint8Array, magic: Uint8Array): boolean => magic.every((byte, i) => bytes[i] === byte);

export const isOlder = (bytes: Uint8Array): boolean => begins(bytes, runMagic) || begins(bytes, jobMagic);

/** Throws SnapshotError. */
export function readOlder(bytes: Uint8Array): Opened {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return begins(bytes, runMagic) ? readRun(bytes, view) : readJob(bytes, view);
}

function readRun(bytes: Uint8Array, view: DataView): Opened {
  const head = runMagic.length + 16;
  if (bytes.length < head) throw new SnapshotError('cut short', 'header');
  const word = (i: number) => view.getUint32(runMagic.length + 4 * i, true);
  if (word(0) !== 1) throw new SnapshotError(`made by another version of wasbox (file format ${word(0)})`, 'header');
  const count = word(3);
  if (count > (bytes.length - head) / 4) throw new SnapshotError('cut short', 'header');
  const lengths = [word(1), word(2), ...Array.from({ length: count }, (_, i) => word(4 + i))];
  const [calls, vm, ...modules] = slices(bytes, head + 4 * count, lengths) as [Uint8Array, Uint8Array, ...Uint8Array[]];
  return { vm, extras: { modules: modules.map((module) => module.slice()), calls: readCalls(calls), job: undefined } };
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

function readJob(bytes: Uint8Array, view: DataView): Opened {
  const head = jobMagic.length + 8;
  if (bytes.length < head) throw new SnapshotError('the snapshot is cut off', 'header');
  const length = view.getUint32(jobMagic.length, true);
  if (head + length > bytes.length) throw new SnapshotError('the snapshot is cut off', 'job state');
  const job = bytes.slice(head, head + length);
  if (crc32(job) !== view.getUint32(jobMagic.length + 4, true)) throw new SnapshotError('wrong checksum', 'job state');
  return { vm: bytes.subarray(head + length), extras: { ...noExtras, job } };
}
