// A slice of a group of VMs that talk, as a worker does it. Groups stay with the thread between their slices; what is behind
// them is loaded when the first one comes.

import type { GroupReply, GroupTask } from '../told/group.ts';
import type { WorkerData } from '../told/protocol.ts';
import type { PlacedGroup } from './group-place.ts';

/** By their numbers. */
const groups = new Map<number, PlacedGroup>();

/** Never rejects. */
export async function groupSlice(task: GroupTask, shared: WorkerData): Promise<GroupReply> {
  const { doSlice } = await import('./group-place.ts');
  return doSlice(task, shared, groups);
}

/** What the thread keeps of a group is of no use any more. */
export function dropGroup(group: number): void {
  groups.get(group)?.dispose();
  groups.delete(group);
}
