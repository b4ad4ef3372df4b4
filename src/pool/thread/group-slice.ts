// A slice of a group of VMs that talk, as a worker does it. Groups stay with the thread between their slices; what is behind
// them is loaded when the first one comes.

import type { GroupReply, GroupTask } from '../told/group.ts';
import type { WorkerData } from '../told/protocol.ts';
import type { PlacedGroup } from './group-place.ts';

/** By their numbers. */
const groups = new Map<number, PlacedGroup>();

/** To ask for it each time takes longer than a short slice. */
let loaded: typeof import('./group-place.ts') | undefined;

/** Never rejects. */
export async function groupSlice(task: GroupTask, shared: WorkerData): Promise<GroupReply> {
  loaded ??= await import('./group-place.ts');
  return loaded.doSlice(task, shared, groups);
}

/** What the thread keeps of a group is of no use any more. */
export function dropGroup(group: number): void {
  groups.get(group)?.dispose();
  groups.delete(group);
}
