// A job's checkpoints as a series: one that is whole, and then each time what has changed since. A thread that made the last
// one is asked for changes only, until there are many of them, or they have become as large as the whole.

import type { Checkpoint, HeldVm } from './protocol.ts';

/** Reading a series takes as many steps as there are changes in it. */
const mostChanges = 16;

type Told = Pick<Checkpoint, 'name' | 'isChange'> & { readonly bytes: { readonly length: number } };

/** How long a series is. */
export class Series {
  private constructor(
    private readonly name: string,
    private readonly wholeBytes: number,
    private readonly changes: number,
    private readonly changeBytes: number,
  ) {}

  static after(before: Series | undefined, { bytes, name, isChange }: Told): Series {
    if (!isChange || before === undefined) return new Series(name, bytes.length, 0, 0);
    return new Series(name, before.wholeBytes, before.changes + 1, before.changeBytes + bytes.length);
  }

  /** The checkpoint since which the next one may tell changes; undefined where it is to be whole. */
  get last(): string | undefined {
    return this.changes < mostChanges && this.changeBytes <= this.wholeBytes ? this.name : undefined;
  }
}

/** The VM at a checkpoint; `before`: at the one before. */
export function vmAt({ bytes, isChange }: Checkpoint, before: HeldVm): HeldVm {
  if (!isChange || before.kind !== 'saved') return { kind: 'saved', bytes, foreign: false };
  return { ...before, changes: [...(before.changes ?? []), bytes] };
}
