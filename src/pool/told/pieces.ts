// The state of a group, which may be in pieces, as one snapshot.

import { joined } from '../../talk/pieces.ts';
import { GroupSnapshot } from '../../talk/snapshot.ts';
import type { GroupState } from './group.ts';

/** Throws SnapshotError. */
export function snapshotOf({ pieces, members }: GroupState): GroupSnapshot {
  const decoded = pieces.map(({ bytes, outlets }) => ({
    data: GroupSnapshot.decode(bytes.slice()).data,
    outlets: new Set(outlets),
  }));
  return new GroupSnapshot(joined(decoded, members));
}
