// The clocks of a guest, in nanoseconds as bigint. Live ones are the host's; the monotonic one begins near zero with the
// VM and never goes back, wherever the VM is restored. A fixed one is the guest's own: it goes on by a step whenever it is
// read, and a sleep is over at once, so that two runs see the same.

import { SnapshotError, UsageError } from '../../spec/errors.ts';

const perMs = 1_000_000n;
const mostTime = 2n ** 63n;

/** A clock that goes on only as the program looks at it or sleeps. */
export interface FixedClock {
  /** What the time of day is at the beginning: a Date, or nanoseconds since 1970. */
  readonly start: Date | bigint;
  /** Nanoseconds from one reading to the next; 1,000 unless told. */
  readonly step?: bigint | undefined;
}
/** The clocks of the host, or a fixed one. */
export type ClockOption = 'live' | FixedClock;

export type SavedClock =
  | { readonly kind: 'live'; readonly began: bigint; readonly last: bigint }
  | { readonly kind: 'fixed'; readonly start: bigint; readonly step: bigint; readonly passed: bigint };

export interface Clock {
  realtime(): bigint;
  /** The time of day that files are marked with: no later than that, and a millisecond earlier at the most. */
  stamp(): bigint;
  monotonic(): bigint;
  readonly resolution: bigint;
  /**
   * Nanoseconds are to pass, after which nothing else will come: until when that is for the host, in ms since 1970;
   * undefined where they have passed by then.
   */
  sleep(ns: bigint): number | undefined;
  save(): SavedClock;
}

export function clockOf(option: ClockOption): Clock {
  if (option === 'live') return new LiveClock(hostTime(), 0n);
  const { start, step = 1000n } = option;
  const at = typeof start === 'bigint' ? start : BigInt(start.getTime()) * perMs;
  if (at < 0n || step < 0n || at >= mostTime || step >= mostTime)
    throw new UsageError('a fixed clock has a start since 1970 and a step that is not negative');
  return new Fixed(at, step, 0n);
}

/** Throws SnapshotError. */
export function restoreClock(saved: unknown): Clock {
  const { kind, began, last, start, step, passed } = Object(saved) as Record<string, unknown>;
  const isTime = (value: unknown): value is bigint => typeof value === 'bigint' && value >= 0n && value < mostTime;
  if (kind === 'live' && isTime(began) && isTime(last)) return new LiveClock(began, last);
  if (kind === 'fixed' && isTime(start) && isTime(step) && isTime(passed)) return new Fixed(start, step, passed);
  throw new SnapshotError('no clock', 'state of wasi');
}

const origin = BigInt(Math.round(performance.timeOrigin * 1e6));

/** Nanoseconds since 1970, which go on evenly. */
const hostTime = (): bigint => origin + BigInt(Math.round(performance.now() * 1e6));

/** So many ms the host's two clocks may be apart and be taken for one, which tells more than ms. */
const mostApart = 2;

class LiveClock implements Clock {
  readonly resolution = 1000n;
  /** How much the monotonic clock is ahead of the host's. */
  private ahead: bigint;
  /** The last stamp, and in which millisecond it was made. */
  private stamped = 0n;
  private stampedAt = -1;

  constructor(
    private readonly began: bigint,
    /** The latest that the guest may have seen. */
    private last: bigint,
  ) {
    const now = hostTime() - began;
    this.ahead = now < last ? last - now : 0n;
  }

  /** The host's time of day, which may be set. */
  realtime(): bigint {
    const told = Date.now();
    const apart = told - performance.timeOrigin - performance.now();
    return Math.abs(apart) > mostApart ? BigInt(told) * perMs : hostTime();
  }

  stamp(): bigint {
    const ms = Math.floor(performance.now());
    if (ms !== this.stampedAt) {
      this.stampedAt = ms;
      this.stamped = this.realtime();
    }
    return this.stamped;
  }

  monotonic(): bigint {
    const now = hostTime() - this.began + this.ahead;
    if (now > this.last) this.last = now;
    return this.last;
  }

  sleep(ns: bigint): number {
    return performance.timeOrigin + performance.now() + Number(ns) / 1e6;
  }

  save(): SavedClock {
    return { kind: 'live', began: this.began, last: this.monotonic() };
  }
}

class Fixed implements Clock {
  constructor(
    private readonly start: bigint,
    private readonly step: bigint,
    private passed: bigint,
  ) {}

  get resolution(): bigint {
    return this.step > 0n ? this.step : 1n;
  }

  realtime(): bigint {
    return this.start + this.monotonic();
  }

  stamp(): bigint {
    return this.realtime();
  }

  monotonic(): bigint {
    const { passed } = this;
    this.pass(this.step);
    return passed;
  }

  sleep(ns: bigint): undefined {
    this.pass(ns);
    return undefined;
  }

  private pass(ns: bigint): void {
    this.passed += ns;
    if (this.passed >= mostTime) this.passed = mostTime - 1n;
  }

  save(): SavedClock {
    return { kind: 'fixed', start: this.start, step: this.step, passed: this.passed };
  }
}
