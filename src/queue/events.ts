// What is told of a job of a queue while it lives.

/** How far a job is, as it was last saved. */
export interface Progress {
  /** How often it was saved. */
  readonly saves: number;
  /** Units of fuel. */
  readonly fuel: number;
  /** Ms under way. */
  readonly ms: number;
  /** Which runner has it. */
  readonly runner: string;
}

/** Something that has happened to a job: BullMQ's events, what its runner tells, and the last one, that it has `ended`. */
export type QueueEvent =
  | { readonly type: 'waiting' | 'active' | 'delayed' | 'stalled' | 'suspended' | 'ended' }
  | { readonly type: 'progress'; readonly progress: Progress };
