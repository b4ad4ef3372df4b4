// The state of a group, which may be in pieces, as one snapshot.

import { joined } from '../../talk/saved/pieces.ts';
import { GroupSnapshot } from '../../talk/saved/snapshot.ts';
import { checkCallers } from '../../talk/saved/verify.ts';
import type { GroupState } from './group.ts';

/** Throws SnapshotError. */
export function snapshotOf({ pieces, members }: GroupState): GroupSnapshot {
  const decoded = pieces.map(({ bytes, outlets }) => ({
    data: GroupSnapshot.decodePiece(bytes.slice()).data,
    outlets: new Set(outlets),
  }));
  const data = joined(decoded, members);
  checkCallers(data.calls, new Set(data.members.map(({ name }) => name)));
  return new GroupSnapshot(data);
}
