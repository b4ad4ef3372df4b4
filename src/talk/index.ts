/**
 * The public names of `wasbox/talk`: VMs that talk. Nothing here needs Node.
 *
 * @module wasbox/talk
 */

export { callsTo } from './calls.ts';
export { type Received, Receiver, type ReceivingOptions, Sender, type SendOptions } from './ends.ts';
export { ClosedError, DeadlockError, PeerError } from './errors.ts';
export { Group } from './group.ts';
export type { Member, MemberOutcome, MemberStatus } from './member.ts';
export type {
  GroupOptions,
  GroupOutcome,
  GroupRestoreOptions,
  GroupRunOptions,
  MemberOptions,
  PortOptions,
} from './options.ts';
export { defaultGroupLimits, type GroupLimits } from './ports.ts';
export { type GroupDecodeOptions, GroupSnapshot } from './snapshot.ts';
