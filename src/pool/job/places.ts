// Work among the jobs that is no job: programs of JavaScript, and groups of VMs. Its slices stand in the same line.

import type { Scheduler } from '../line/scheduler.ts';
import type { ThreadId, Ticket } from '../line/ticket.ts';
import type { BoundService } from '../told/services.ts';
import type { RunStatus } from '../told/stats.ts';
import type { Grace } from './grace.ts';
import type { Threads } from './threads.ts';

/** Something whose slices stand in the line. */
export interface PlacedWork extends Ticket {
  status: RunStatus;
  /** Its slices come before all others'. */
  readonly isAsked: boolean;
  /** Units of fuel that its slices have used, as far as that is known here. */
  readonly fuelUsed: number;
  /** Whether a thread keeps something of it between its slices. */
  readonly isPinned: boolean;
  /** Runs a slice on the thread; what is returned is called once the thread is free for others. */
  run(threads: Threads, thread: ThreadId): Promise<() => void>;
  /** The pool takes nothing more on: what does not run is over. */
  closing(error: Error): void;
  /** The pool has it no longer. */
  cancel(error: Error): void;
  /** The thread is gone, with whatever it kept. */
  lostThread(thread: ThreadId): void;
}

/** What a group of VMs has of its pool. */
export interface GroupSide {
  /** No job has it, nor those that are made anew. */
  readonly number: number;
  newNumber(): number;
  readonly places: Places;
  readonly grace: Grace;
  readonly services: ReadonlyMap<string, BoundService>;
}

/** What the pool is told. */
interface Events {
  /** There may be a slice to send off. */
  pump(): void;
  /** Some work is over. */
  drained(): void;
}

export class Places {
  private readonly places = new Set<PlacedWork>();

  constructor(
    private readonly scheduler: Scheduler<Ticket>,
    readonly threads: Threads,
    /** How long a slice should take. */
    private readonly sliceMs: number,
    private readonly events: Events,
  ) {}

  get size(): number {
    return this.places.size;
  }

  get all(): readonly PlacedWork[] {
    return [...this.places];
  }

  add(place: PlacedWork): void {
    this.places.add(place);
  }

  /** Only what runs goes on, to its end. */
  closing(error: Error): void {
    for (const place of this.places) place.closing(error);
  }

  /** Lets all of them go. */
  cancel(why: () => Error): void {
    for (const place of this.places) place.cancel(why());
  }

  died(thread: ThreadId): void {
    for (const place of this.places) if (place.thread === thread) place.lostThread(thread);
  }

  line(place: PlacedWork): void {
    place.status = 'queued';
    this.scheduler.enqueue(place, place.isAsked);
    this.events.pump();
  }

  /** Whether others wait for the thread while another one is idle. */
  isUneven(thread: ThreadId): boolean {
    return this.scheduler.isUneven(thread);
  }

  /** Of what has several threads: whether others wait for one of them, or two are the same, while another one is idle. */
  isCramped(threads: readonly ThreadId[]): boolean {
    if (threads.some((thread) => this.isUneven(thread))) return true;
    const used = new Set(threads);
    const idle = this.threads.ids.filter((id) => !used.has(id)).length;
    return used.size < threads.length && idle > 0 && this.scheduler.idling > used.size;
  }

  /** Asks the slice that runs to rest. */
  rest(place: PlacedWork): void {
    if (place.status === 'queued') this.line(place);
    else if (place.status === 'running') this.threads.rest(place.thread as ThreadId);
  }

  leave(place: PlacedWork): void {
    this.scheduler.remove(place);
    this.scheduler.retire(place);
    this.places.delete(place);
    this.events.drained();
  }

  /** Runs its slice on the thread. */
  async send(place: PlacedWork, thread: ThreadId): Promise<void> {
    place.status = 'running';
    const sentAt = performance.now();
    const { fuelUsed } = place;
    const took = await place.run(this.threads, thread);
    this.scheduler.charge([place], [(performance.now() - sentAt) / this.sliceMs]);
    if (!place.isPinned) this.scheduler.retire(place);
    this.scheduler.release(thread);
    place.status = 'waiting';
    took();
    this.scheduler.ran(place, place.fuelUsed - fuelUsed, 0);
    this.events.pump();
  }
}
