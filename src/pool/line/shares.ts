// What a pool and each of its tenants may have: jobs, VMs, bytes, slices at once, fuel in a second. Only those that have a bound
// are counted. It says who may go on, and when; who waits, and where, is the scheduler's business.

import type { Ticket } from './ticket.ts';

/** Whatever is left out has no bound. */
export interface ShareLimits {
  /** How many jobs there may be that have not ended: more are refused. */
  readonly jobs?: number | undefined;
  /** How many of them may have a VM at once; each group, or each part of one, is one more. */
  readonly live?: number | undefined;
  /** How many bytes the memories and stacks of jobs may have together before another one of them gets a VM. */
  readonly bytes?: number | undefined;
  /** How many slices may run at once, those of groups and of programs in JavaScript included. */
  readonly running?: number | undefined;
  /** Units of fuel a second, of all slices. What was not used is saved up, half a second's at the most. */
  readonly fuelPerSecond?: number | undefined;
  /** Bytes that the output of each job may have, whatever the job itself was told. */
  readonly output?: number | undefined;
}

/** What one has now. */
export class Share {
  jobs = 0;
  live = 0;
  bytes = 0;
  running = 0;
  /** Units that may be used at once; below zero they are owed. */
  private credit: number;
  private readonly most: number;
  private readonly perMs: number;

  constructor(
    readonly limits: ShareLimits,
    private at: number,
  ) {
    this.perMs = (limits.fuelPerSecond ?? Number.POSITIVE_INFINITY) / 1000;
    this.most = 500 * this.perMs;
    this.credit = this.most;
  }

  /** None of its jobs gets a VM. */
  get isFull(): boolean {
    const { live = Number.POSITIVE_INFINITY, bytes = Number.POSITIVE_INFINITY } = this.limits;
    return this.live >= live || this.bytes >= bytes;
  }

  /** Places for VMs that are free. */
  get room(): number {
    return this.isFull ? 0 : (this.limits.live ?? Number.POSITIVE_INFINITY) - this.live;
  }

  /** None of its slices is sent off now. */
  isBusy(now: number): boolean {
    return this.running >= (this.limits.running ?? Number.POSITIVE_INFINITY) || this.creditAt(now) <= 0;
  }

  /** In how many ms it has fuel again; 0 where it has some. */
  readyIn(now: number): number {
    const credit = this.creditAt(now);
    return credit > 0 ? 0 : Math.max(1, Math.ceil(-credit / this.perMs));
  }

  used(units: number, now: number): void {
    this.credit = this.creditAt(now) - units;
  }

  private creditAt(now: number): number {
    if (this.perMs === Number.POSITIVE_INFINITY) return 1;
    this.credit = Math.min(this.most, this.credit + Math.max(0, now - this.at) * this.perMs);
    this.at = now;
    return this.credit;
  }

  /** It is as if it had never been. */
  isNew(now: number): boolean {
    return (
      this.jobs + this.live + this.running === 0 &&
      (this.limits.fuelPerSecond === undefined || this.creditAt(now) >= this.most)
    );
  }
}

/** Kept for tenants that have nothing any more, until their fuel is as new. */
const mostIdle = 256;

export class Shares {
  readonly all: Share;
  private readonly byTenant = new Map<string, Share>();

  constructor(
    limits: ShareLimits,
    private readonly limitsOf: (tenant: string) => ShareLimits | undefined = () => undefined,
    readonly now: () => number = () => performance.now(),
  ) {
    this.all = new Share(limits, now());
  }

  /** Whether any tenant has bounds, or all together have one of fuel. */
  get isBound(): boolean {
    return this.byTenant.size > 0 || this.all.limits.fuelPerSecond !== undefined;
  }

  /** Undefined where the tenant has no bounds. */
  of(tenant = ''): Share | undefined {
    const known = this.byTenant.get(tenant);
    if (known !== undefined) return known;
    const limits = this.limitsOf(tenant);
    if (limits === undefined) return undefined;
    if (this.byTenant.size >= mostIdle) this.forgetNew();
    const share = new Share(limits, this.now());
    this.byTenant.set(tenant, share);
    return share;
  }

  /** Those that are to be counted for a job. */
  *for({ tenant }: Pick<Ticket, 'tenant'>): Iterable<Share> {
    yield this.all;
    const own = this.of(tenant);
    if (own !== undefined) yield own;
  }

  private forgetNew(): void {
    for (const [tenant, share] of this.byTenant) if (share.isNew(this.now())) this.byTenant.delete(tenant);
  }
}
