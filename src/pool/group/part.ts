// A place of a group in the line: all of it, or the part of it that has a thread of its own.

import type { PlacedWork } from '../job/places.ts';
import type { Threads } from '../job/threads.ts';
import type { Affinity, ThreadId } from '../line/ticket.ts';
import type { RunStatus } from '../told/stats.ts';

/** Whose part it is. */
export interface PartOwner {
  readonly tenant: string | undefined;
  readonly priority: number;
  runPart(part: GroupPart, threads: Threads, thread: ThreadId): Promise<() => void>;
  closing(error: Error): void;
  cancel(error: Error): void;
  lostPart(part: GroupPart): void;
}

export class GroupPart implements PlacedWork {
  readonly tenant: string | undefined;
  readonly priority: number;
  readonly affinity: Affinity = 'keep';
  thread: ThreadId | undefined;
  live = false;
  pass = Number.NEGATIVE_INFINITY;
  arrival = 0;
  status: RunStatus = 'waiting';
  readonly isAsked = false;
  fuelUsed = 0;
  /** Its thread has it, as it was at the end of its last slice. */
  isKept = false;
  /** Ends the thread of a slice that does not stop when it is asked to. */
  grace: NodeJS.Timeout | undefined;

  constructor(
    private readonly owner: PartOwner,
    /** No job or other group or part has it. */
    readonly number: number,
    /** Among the parts of its group. */
    readonly index: number,
  ) {
    this.tenant = owner.tenant;
    this.priority = owner.priority;
  }

  get isPinned(): boolean {
    return this.isKept;
  }

  run(threads: Threads, thread: ThreadId): Promise<() => void> {
    return this.owner.runPart(this, threads, thread);
  }

  closing(error: Error): void {
    this.owner.closing(error);
  }

  cancel(error: Error): void {
    this.owner.cancel(error);
  }

  lostThread(): void {
    this.owner.lostPart(this);
  }
}
