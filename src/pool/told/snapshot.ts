// A suspended job: its VM in bytes, and where in its program it was. `encode` and `decode` are a pair; the bytes are
// hostile until the VM's restore has verified them, and never say what code to load: modules, job module and host
// functions are named by whoever resumes.

import type { Opened, PlannedCall } from '../../snapshot/container/extras.ts';
import { closeSaved, joinSeries, openSaved } from '../../snapshot/container/whole.ts';
import { Snapshot, snapshotBytes } from '../../snapshot/snapshot.ts';
import { SnapshotError } from '../../spec/errors.ts';
import { attempt } from '../../spec/told.ts';
import { fromData, toData } from './errors.ts';
import { isIdentity } from './identity.ts';
import type { JobSpec } from './options.ts';
import type { Parcel } from './parcel.ts';
import { pack, shareBytes, unpack } from './parcel.ts';
import { lastPlainStep, nextPlannedStep } from './program.ts';
import type { Answer, ErrorData, Progress, VmState } from './protocol.ts';

// In a container `job` (snapshot/container/extras.ts) is a parcel of `{ next, state, identity, answer, program }`, of which older ones
// have the first two or four only.

/** A suspended job: `encode` makes bytes of it, and `pool.resume` goes on with it, as often as you like. */
export class JobSnapshot {
  /** @hidden */
  constructor(
    /** The VM, as `Snapshot.encode` writes it. @hidden */
    readonly bytes: Parcel,
    /** Where in its program it was. @hidden */
    readonly progress: Progress,
    /** Whether the VM was saved by somebody else than a job. */
    readonly foreign: boolean,
    /** What services know the job by; undefined where it has been no job yet. */
    readonly identity?: string,
    /** What a service has answered meanwhile to the host call that the VM waits for. @hidden */
    readonly answer?: Answer,
    /** What the job was submitted with, where it was suspended in this process. @hidden */
    readonly spec?: JobSpec,
    /** Bytes of modules that came along. */
    readonly modules: readonly Uint8Array[] = [],
    /** Whether its steps are those of a program; undefined where nobody knows. */
    private readonly ofProgram: boolean | undefined = spec && spec.program !== undefined,
  ) {}

  /** The VM alone, e.g. for `VM.restore` or an inspector. */
  get vm(): Snapshot {
    return Snapshot.decode(this.bytes.slice());
  }

  /** Bytes for a file, a database, a queue. All that reads what wasbox has saved takes them. */
  encode(): Uint8Array {
    const { bytes: vm, progress, identity, answer, modules, ofProgram: program } = this;
    const job = writeJob({ ...progress, identity, answer, program });
    return closeSaved({ vm, extras: { modules, calls: [], job } });
  }

  /** Takes whatever wasbox has saved: a job, a VM, a program of the command line. Throws SnapshotError. */
  static decode(bytes: Uint8Array): JobSnapshot {
    snapshotBytes(bytes, 'a snapshot');
    return opened(openSaved(bytes));
  }

  /**
   * A VM that was saved outside of a pool: the job's output will be the results of the call that it is in, or of the last
   * that is to follow.
   */
  static of(vm: Uint8Array | Snapshot): JobSnapshot {
    if (vm instanceof Uint8Array) return JobSnapshot.decode(vm);
    return opened({ vm: new Snapshot(vm.data).encode(), extras: vm.extras });
  }
}

/** A VM that was saved, with what has changed since, as one. Throws SnapshotError. */
export function wholeOf({ bytes, changes = [] }: Extract<VmState, { kind: 'saved' }>): Parcel {
  if (changes.length === 0) return bytes;
  return shareBytes(joinSeries([bytes, ...changes].map((part) => part.slice())));
}

function opened({ vm, extras: { modules, calls, job } }: Opened): JobSnapshot {
  const bytes = shareBytes(vm);
  const foreign = job === undefined;
  const { identity, answer, program, ...progress } = foreign ? progressOf(calls) : readJob(job);
  return new JobSnapshot(bytes, progress, foreign, identity, answer, undefined, modules, program);
}

/** Of a VM that has been no job yet. */
const progressOf = (calls: readonly PlannedCall[]): JobState => ({
  ...(calls.length === 0
    ? { next: lastPlainStep, state: pack(undefined, 'nothing') }
    : { next: nextPlannedStep, state: pack(calls, 'the calls that follow') }),
  ...{ identity: undefined, answer: undefined, program: false },
});

/** Shared bytes cannot be packed. */
const plainAnswer = (answer: Answer): unknown =>
  answer.status === 'returned' ? { ...answer, value: answer.value.slice() } : answer;

/** What a pool knows of a job, as its snapshot says it. */
export type JobState = Progress & {
  readonly identity: string | undefined;
  readonly answer: Answer | undefined;
  readonly program: boolean | undefined;
};

export function writeJob({ next, state, identity, answer, program }: JobState): Uint8Array {
  const told = { next, state: state.slice(), identity, answer: answer && plainAnswer(answer), program };
  return pack(told, 'the progress of a job');
}

/** Throws SnapshotError. */
export function readJob(job: Uint8Array): JobState {
  const { next, state, identity, answer, program } = Object(unpack(job)) as Partial<Record<keyof JobState, unknown>>;
  if (typeof next !== 'string' || !(state instanceof Uint8Array))
    throw new SnapshotError('the progress of the job is damaged', 'job state');
  if (identity !== undefined && !isIdentity(identity))
    throw new SnapshotError('the identity of the job is damaged', 'job state');
  return {
    ...{ next, state: shareBytes(state), identity },
    answer: answer === undefined ? undefined : answerOf(answer),
    program: typeof program === 'boolean' ? program : undefined,
  };
}

/** A failure is told as an error whatever is in it. */
function answerOf(answer: unknown): Answer {
  const { id, status, value, error } = Object(answer) as Record<string, unknown>;
  if (typeof id === 'number' && status === 'returned' && value instanceof Uint8Array)
    return { id, status, value: shareBytes(value) };
  if (typeof id === 'number' && status === 'failed')
    return { id, status, error: toData(attempt(() => fromData(error as ErrorData), error)) };
  throw new SnapshotError('the answer of a service is damaged', 'job state');
}
