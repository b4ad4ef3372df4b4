// The locks of a runner's deliveries, which it renews as long as it has them. BullMQ would do so itself, but knows a lock by its job
// and not by its delivery; and its timer stays, and the process with it, where a worker is closed whose server is away (6.7).

export interface LocksSide {
  /** In ms. */
  readonly lease: number;
  /** Has locks last for `lease` ms from now, and resolves to the jobs of which it could not. */
  extend(tickets: string[], tokens: string[], lease: number): Promise<string[]>;
  onError(error: Error): void;
}

interface Lock {
  readonly ticket: string;
  /** It is another one's, or nobody's. */
  lost(): void;
}

/** So many times within a lease. */
const perLease = 3;

export class Locks {
  /** By their tokens, of which each delivery has its own. */
  private readonly held = new Map<string, Lock>();
  private readonly timer: NodeJS.Timeout;
  private renewing = false;

  constructor(private readonly side: LocksSide) {
    this.timer = setInterval(() => void this.renew(), side.lease / perLease).unref();
  }

  /** Renews it until `drop`. */
  hold(token: string, lock: Lock): void {
    this.held.set(token, lock);
  }

  drop(token: string): void {
    this.held.delete(token);
  }

  private async renew(): Promise<void> {
    if (this.renewing || this.held.size === 0) return;
    this.renewing = true;
    const locks = [...this.held];
    const { side } = this;
    try {
      const tickets = locks.map(([, { ticket }]) => ticket);
      const refused = await side.extend(
        tickets,
        locks.map(([token]) => token),
        side.lease,
      );
      for (const [token, { ticket, lost }] of locks) if (refused.includes(ticket) && this.held.has(token)) lost();
    } catch (error) {
      side.onError(error as Error);
    } finally {
      this.renewing = false;
    }
  }

  /** Renews nothing any more. */
  close(): void {
    clearInterval(this.timer);
    this.held.clear();
  }
}
