// What goes wrong between VMs that talk. What a peer did is never a trap of the guest: guests get results (codes.ts), and the
// host gets these.

import { WasboxError } from '../spec/errors.ts';

/** A port is closed: nobody receives from it any more, or nobody sends. */
export class ClosedError extends WasboxError {
  readonly code = 'closed';
  constructor(
    message: string,
    /** What whoever closed it has told. */
    readonly reason?: string,
  ) {
    super(message);
  }
}

/** What was called in another VM failed, or that VM is not there; `cause`: what it ended with, with its own stack. */
export class PeerError extends WasboxError {
  readonly code = 'peer';
  constructor(
    message: string,
    /** The member that was called. */
    readonly member: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** VMs wait for each other, and nobody else could end that. */
export class DeadlockError extends WasboxError {
  readonly code = 'deadlock';
  constructor(
    message: string,
    /** The members that wait; in a ring of calls, in the order in which they call each other. */
    readonly members: readonly string[],
  ) {
    super(message);
  }
}
