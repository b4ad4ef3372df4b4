// VMs of jobs as bytes, on a worker's thread: all of one, or what has changed since the checkpoint before; and back.

import { threadId } from 'node:worker_threads';
import { Lru } from '../../runtime/kept/lru.ts';
import { lastOf } from '../../snapshot/container/whole.ts';
import { rowsOf } from '../../snapshot/pages/rows.ts';
import { mostOfSnapshot } from '../../snapshot/restore.ts';
import { Snapshot } from '../../snapshot/snapshot.ts';
import type { VM } from '../../vm.ts';
import { bounds } from '../line/bounds.ts';
import { type Parcel, shareBytes } from '../told/parcel.ts';
import type { Checkpoint, Order, VmState } from '../told/protocol.ts';

export const saved = (vm: VM): Parcel => shareBytes(vm.save().encode());

interface Known {
  readonly name: string;
  readonly snapshot: Snapshot;
}
/** What jobs were saved as last here. What has not changed since is neither written nor kept twice. */
const known = new Lru<number, Known>(() => bounds.lastCheckpoints);
let made = 0;

/** `last`: the checkpoint that the main thread has, and wants to hear no more about than what has changed. */
export function checkpointOf(vm: VM, job: number, last: string | undefined): Checkpoint {
  const before = known.get(job);
  const base = last !== undefined && before?.name === last ? before.snapshot : undefined;
  const snapshot = vm.save();
  const bytes = shareBytes(snapshot.encode({ base }));
  const name = `${threadId}.${made++}`;
  known.set(job, { name, snapshot }, costOf(snapshot));
  return { name, bytes, isChange: base !== undefined };
}

/** How many jobs this thread knows as they were saved, and what that costs in bytes. */
export const keptCheckpoints = (): { count: number; bytes: number } => ({ count: known.size, bytes: known.bytes });

export const forgetCheckpoint = (job: number): void => known.delete(job);

const costOf = ({ data }: Snapshot): number =>
  rowsOf(data).reduce((sum, { length }) => sum + length, data.slots.byteLength + data.heap.objects.byteLength);

type SavedVm = Extract<VmState, { kind: 'saved' }>;

/** No more is unpacked than the job's limits allow. Throws SnapshotError. */
export function decoded({ bytes, changes = [] }: SavedVm, limits: Order['limits']): Snapshot {
  const series = [bytes, ...changes].map((part) => part.slice());
  return new Snapshot(lastOf(series, mostOfSnapshot(limits)));
}
