// Times to the nanosecond. Node passes them to the host as doubles of seconds, which loses what is below a microsecond. So
// what the guest set is remembered, and told as long as the host still has what Node made of it.

import type * as fs from 'node:fs';
import { bad } from '../../snapshot/data/form.ts';

/** A time as it was set, and as the host has it. */
interface Pair {
  readonly set: bigint;
  readonly host: bigint;
}
interface Known {
  readonly accessed: Pair;
  readonly modified: Pair;
}

/** Files of which it is known; those set the longest ago go. */
const mostKnown = 1000;

const keyOf = ({ dev, ino }: fs.BigIntStats): string => `${dev} ${ino}`;

export class SetTimes {
  private readonly known = new Map<string, Known>();

  /** As the guest set them, or else as the host tells them. */
  of(stat: fs.BigIntStats): { accessed: bigint; modified: bigint } {
    const { accessed, modified } = this.known.get(keyOf(stat)) ?? {};
    return { accessed: told(accessed, stat.atimeNs), modified: told(modified, stat.mtimeNs) };
  }

  /** `stat`: after they were set. */
  remember(stat: fs.BigIntStats, accessed: bigint, modified: bigint): void {
    const key = keyOf(stat);
    this.known.delete(key);
    if (accessed === stat.atimeNs && modified === stat.mtimeNs) return;
    this.known.set(key, {
      accessed: { set: accessed, host: stat.atimeNs },
      modified: { set: modified, host: stat.mtimeNs },
    });
    const [oldest] = this.known.keys();
    if (this.known.size > mostKnown && oldest !== undefined) this.known.delete(oldest);
  }

  save(): unknown {
    return [...this.known].map(([key, { accessed, modified }]) => [
      key,
      accessed.set,
      accessed.host,
      modified.set,
      modified.host,
    ]);
  }

  /** Throws SnapshotError. */
  restore(saved: unknown): void {
    if (!Array.isArray(saved) || saved.length > mostKnown) bad('a list expected', 'files, times');
    for (const row of saved as unknown[]) {
      const [key, ...times] = Array.isArray(row) ? (row as unknown[]) : [];
      const isTime = (time: unknown): time is bigint => typeof time === 'bigint' && time >= 0n && time < 2n ** 64n;
      if (typeof key !== 'string' || key.length > 50 || times.length !== 4 || !times.every(isTime))
        bad('times of a file expected', 'files, times');
      const [a, b, c, d] = times as [bigint, bigint, bigint, bigint];
      this.known.set(key as string, { accessed: { set: a, host: b }, modified: { set: c, host: d } });
    }
  }
}

const told = (pair: Pair | undefined, host: bigint): bigint => (pair?.host === host ? pair.set : host);

/** Seconds as Node wants them. */
export const secondsOf = (time: bigint): number => Number(time) / 1e9;
