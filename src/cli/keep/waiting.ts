// A job that another process had when it was last heard of: whether that still lives is known where both are on one machine, and
// else shows only by waiting. It has to renew its head in the store within its lease.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Elsewhere } from '../../pool/durable/ledger.ts';
import type { Seen } from '../../pool/durable/owners.ts';
import { UsageError } from '../../spec/errors.ts';
import { plain, quoted } from '../../spec/told.ts';
import { GivenUpError } from '../told/exit.ts';
import { warn } from '../told/output.ts';
import { type EndSignal, exitOfSignal } from '../told/signals.ts';

/** How often it is looked at. */
const lookMs = 250;

/**
 * Looks until the job is nobody's any more, and gives what is then found. Throws UsageError where the process that has it is
 * seen to live, and GivenUpError where `stop` is aborted.
 */
export async function whenFree<T extends { readonly kind: string }>(
  key: string,
  look: () => Promise<T | Elsewhere>,
  stop?: AbortSignal,
): Promise<T> {
  let first: Seen | undefined;
  for (;;) {
    const found = await look();
    if (!isElsewhere(found)) return found;
    if (first === undefined) warn(plain(`${quoted(key)} was under way in ${placeOf(found.by)}; ${waits(found.by)}`));
    else if (hasLived(first, found.by)) throw new UsageError(`${quoted(key)} is under way in another process`);
    first ??= found.by;
    await sleep(lookMs, undefined, stop && { signal: stop }).catch(() => {});
    if (stop?.aborted) throw givenUp(key, stop.reason);
  }
}

const isElsewhere = (found: { readonly kind: string }): found is Elsewhere => found.kind === 'elsewhere';

/** Whether it has done something since, or another one has the job now. */
export const hasLived = (before: Seen, now: Seen): boolean =>
  before.owner !== now.owner || before.version !== now.version;

export const placeOf = ({ host }: Seen): string => (host === undefined ? 'another process' : `a process of ${host}`);

export const waits = ({ lease }: Seen): string =>
  `waiting to see whether that still lives, for up to ${Math.ceil(lease / 1000)} s`;

/** A signal has its name as the reason; else the time is over. */
function givenUp(key: string, reason: unknown): GivenUpError {
  const [why, exit] =
    typeof reason === 'string'
      ? (['interrupted', exitOfSignal(reason as EndSignal)] as const)
      : (['out of time', 'suspended'] as const);
  return new GivenUpError(`${why} before ${quoted(key)} could be taken over: it is as it was`, exit);
}
