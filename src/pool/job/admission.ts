// Who is let into a pool: how many jobs it and each tenant may have, what these may use, and when the jobs of one go on that has
// used up its fuel.

import { LimitError } from '../../spec/errors.ts';
import { mostMs } from '../../spec/options.ts';
import { quoted } from '../../spec/told.ts';
import { type ShareLimits, Shares } from '../line/shares.ts';
import type { PoolSpec, TenantOptions } from '../told/options.ts';
import { clock } from '../told/protocol.ts';

type Tenants = PoolSpec['tenants'];

/** What a tenant was given, or each that was not named. */
const tenantOf = (tenants: Tenants, tenant: string): TenantOptions | undefined =>
  tenants[Object.hasOwn(tenants, tenant) ? tenant : '*'];

/** Undefined where it has nothing but a weight. */
function limitsOf(tenants: Tenants, tenant: string): ShareLimits | undefined {
  const { weight: _, ...limits } = tenantOf(tenants, tenant) ?? {};
  return Object.values(limits).some((limit) => limit !== undefined) ? limits : undefined;
}

export class Admission {
  readonly shares: Shares;
  private timer: NodeJS.Timeout | undefined;
  /** When that is over, by `clock()`. */
  private due = Number.POSITIVE_INFINITY;

  constructor(private readonly spec: Pick<PoolSpec, 'limits' | 'tenants'>) {
    this.shares = new Shares(spec.limits, (tenant) => limitsOf(spec.tenants, tenant));
  }

  weightOf(tenant: string): number {
    return tenantOf(this.spec.tenants, tenant)?.weight ?? 1;
  }

  /** How many jobs a tenant may have. */
  most(tenant: string | undefined): number {
    const shares = [...this.shares.for({ tenant })];
    return Math.min(...shares.map(({ limits }) => limits.jobs ?? Number.POSITIVE_INFINITY));
  }

  /** How many bytes the output of a job may have that was told so many itself; undefined where that has no bound. */
  mostOutput(tenant: string | undefined, own: number | undefined): number | undefined {
    const bounds = [own, ...[...this.shares.for({ tenant })].map(({ limits }) => limits.output)];
    const given = bounds.filter((bound) => bound !== undefined);
    return given.length === 0 ? undefined : Math.min(...given);
  }

  /** Throws LimitError where there is no room for so many jobs more. */
  check(tenant: string | undefined, count: number): void {
    for (const share of this.shares.for({ tenant })) {
      const most = share.limits.jobs ?? Number.POSITIVE_INFINITY;
      if (share.jobs + count <= most) continue;
      const isPool = share === this.shares.all;
      throw refused(
        isPool ? 'the pool' : `the tenant ${quoted(tenant ?? '')}`,
        `jobs of ${isPool ? 'the pool' : 'a tenant'}`,
        most,
      );
    }
  }

  /** So many jobs more, or less. */
  count(tenant: string | undefined, more: number): void {
    for (const share of this.shares.for({ tenant })) share.jobs += more;
  }

  /** Calls when one has fuel again whose jobs wait for it, in so many ms, unless it calls before that. */
  later(ms: number | undefined, act: () => void): void {
    const due = clock() + (ms ?? Number.POSITIVE_INFINITY);
    if (ms === undefined || due >= this.due) return;
    clearTimeout(this.timer);
    this.due = due;
    this.timer = setTimeout(
      () => {
        this.due = Number.POSITIVE_INFINITY;
        act();
      },
      Math.min(ms, mostMs),
    ).unref();
  }

  close(): void {
    clearTimeout(this.timer);
  }
}

const refused = (who: string, limit: string, value: number): LimitError =>
  new LimitError(`${who} has as many jobs as it may have, ${value}: wait until some have ended`, { limit, value });
