// What the scheduler keeps for a job.

/** Whether a job stays on its thread (`keep`) or never runs two slices in a row on one (`spread`). */
export type Affinity = 'keep' | 'spread';
export type ThreadId = number;

export const priorities = { least: -20, most: 20 } as const;

/** What the scheduler keeps for a job. */
export interface Ticket {
  /** Whose it is; all without a tenant are one's. */
  readonly tenant?: string | undefined;
  readonly priority: number;
  readonly affinity: Affinity;
  /** Where it ran last. */
  thread: ThreadId | undefined;
  /** It runs on that thread or nowhere. */
  readonly isPinned?: boolean;
  /** It holds memory: it has run before, and has not given its memory up since. Only so many may at a time. */
  live: boolean;
  /** What it holds, as far as that was told; the scheduler's business, as all that follows. */
  bytes?: number;
  /** Its turn. */
  pass: number;
  /** Breaks ties by order of arrival. */
  arrival: number;
}

/** A ticket for a job that has not run yet. */
export function ticket({ priority, affinity, tenant }: Pick<Ticket, 'priority' | 'affinity' | 'tenant'>): Ticket {
  return { tenant, priority, affinity, thread: undefined, live: false, pass: Number.NEGATIVE_INFINITY, arrival: 0 };
}
