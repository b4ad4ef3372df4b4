/**
 * The public names of `wasbox/talk`: VMs that talk. Nothing here needs Node.
 *
 * @module wasbox/talk
 */

export { type Received, Receiver, type ReceivingOptions, Sender, type SendOptions } from './ends.ts';
export { ClosedError, DeadlockError, PeerError } from './errors.ts';
export { Group } from './group.ts';
export type { Member, MemberOutcome, MemberStatus } from './members/member.ts';
export type {
  GroupOptions,
  GroupOutcome,
  GroupRestoreOptions,
  GroupRunOptions,
  MemberOptions,
  PortOptions,
} from './options.ts';
export { defaultGroupLimits, type GroupLimits } from './ports/ports.ts';
export { type GroupDecodeOptions, GroupSnapshot } from './saved/snapshot.ts';
export { callsTo } from './turns/calls.ts';
