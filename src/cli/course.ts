// What is to be done with a saved program once the call that it is in has returned: nothing, or calls that were planned
// on the command line or by a pool's job. Programs of a job (pool/program.ts) are the pool's to go on with.

import { unpack } from '../pool/parcel.ts';
import { firstStep, lastPlainStep, nextPlannedStep, type PlainCall } from '../pool/program.ts';
import type { Answer } from '../pool/protocol.ts';
import { type JobState, readJob } from '../pool/snapshot.ts';
import { formatValue } from '../runtime/literals.ts';
import { isPlannedCall, type PlannedCall } from '../snapshot/extras.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { SnapshotError, UsageError } from '../spec/errors.ts';
import { quoted } from '../spec/told.ts';

export interface Course {
  readonly calls: readonly PlannedCall[];
  /** What the call that the VM waits for was answered, where a job was saved with that. */
  readonly answer?: Answer | undefined;
}

/** Throws SnapshotError, and UsageError for a job in the midst of a program. */
export function courseOf({ extras: { calls, job } }: Snapshot): Course {
  if (job === undefined) return { calls };
  const state = readJob(job);
  return { calls: callsOf(state), answer: state.answer };
}

function callsOf({ next, state, program }: JobState): readonly PlannedCall[] {
  if (program !== true) {
    if (next === lastPlainStep) return [];
    if (next === nextPlannedStep) return plannedIn(unpack(state));
    const plain = next === firstStep ? plainIn(unpack(state)) : undefined;
    if (plain !== undefined) return [plain];
  }
  throw new UsageError(
    `it is a job of a program, which goes on with its step ${quoted(next)}: \`resume\` of a pool takes it, with that program`,
  );
}

function plannedIn(calls: unknown): readonly PlannedCall[] {
  if (Array.isArray(calls) && calls.every(isPlannedCall)) return calls;
  throw new SnapshotError('no list of calls', 'job state');
}

/** A job that has not begun yet has its call among its state. */
function plainIn(state: unknown): PlannedCall | undefined {
  const { export: name, args } = Object(state) as Partial<PlainCall>;
  if (typeof name !== 'string' || !Array.isArray(args)) return undefined;
  return { export: name, args: args.map(formatValue) };
}
