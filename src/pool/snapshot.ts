// A suspended job: its VM in bytes, and where in its program it was. `encode` and `decode` are a pair; the bytes are
// hostile until the VM's restore has verified them, and never say what code to load: modules, job module and host
// functions are named by whoever resumes.

import { crc32 } from '../snapshot/checksum.ts';
import { Snapshot, snapshotBytes } from '../snapshot/snapshot.ts';
import { SnapshotError } from '../spec/errors.ts';
import { attempt, mostOfName } from '../spec/told.ts';
import { fromData, toData } from './errors.ts';
import type { JobSpec } from './options.ts';
import type { Parcel } from './parcel.ts';
import { pack, shareBytes, unpack } from './parcel.ts';
import { lastPlainStep } from './program.ts';
import type { Answer, ErrorData, Progress } from './protocol.ts';

/**
 * A container: these 8 bytes; the length and the CRC-32 of what follows, each u32, little-endian; that many bytes of a
 * parcel of `{ next, state, identity, answer }`, of which older ones have the first two only; the rest is what `Snapshot.encode` wrote. Without the 8 bytes all of it is the latter: a
 * VM that some other program of wasbox has saved.
 */
const magic = new TextEncoder().encode('wasbxjb1');
const headerBytes = magic.length + 8;

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
  ) {}

  /** The VM alone, e.g. for `VM.restore` or an inspector. */
  get vm(): Snapshot {
    return Snapshot.decode(this.bytes.slice());
  }

  /** Bytes for a file, a database, a queue. `JobSnapshot.decode` and `pool.resume` take them. */
  encode(): Uint8Array {
    const { next, state } = this.progress;
    const { identity, answer } = this;
    const meta = pack(
      { next, state: state.slice(), identity, answer: answer && plainAnswer(answer) },
      'the progress of a job',
    );
    const bytes = new Uint8Array(headerBytes + meta.length + this.bytes.length);
    bytes.set(magic);
    const view = new DataView(bytes.buffer);
    view.setUint32(magic.length, meta.length, true);
    view.setUint32(magic.length + 4, crc32(meta), true);
    bytes.set(meta, headerBytes);
    bytes.set(this.bytes, headerBytes + meta.length);
    return bytes;
  }

  /** Takes what `JobSnapshot.encode` or `Snapshot.encode` wrote. Throws SnapshotError. */
  static decode(bytes: Uint8Array): JobSnapshot {
    snapshotBytes(bytes, 'a snapshot');
    if (!magic.every((byte, i) => bytes[i] === byte)) return JobSnapshot.of(bytes);
    if (bytes.length < headerBytes) throw new SnapshotError('the snapshot is cut off', 'header');
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const length = view.getUint32(magic.length, true);
    if (headerBytes + length > bytes.length) throw new SnapshotError('the snapshot is cut off', 'job state');
    const meta = bytes.subarray(headerBytes, headerBytes + length);
    if (crc32(meta) !== view.getUint32(magic.length + 4, true)) throw new SnapshotError('wrong checksum', 'job state');
    const { identity, answer, ...progress } = jobState(unpack(meta));
    return new JobSnapshot(shareBytes(bytes.subarray(headerBytes + length)), progress, false, identity, answer);
  }

  /** A VM that was saved outside of a pool: the job's output will be the results of the call that it is in. */
  static of(vm: Uint8Array | Snapshot): JobSnapshot {
    const bytes = vm instanceof Uint8Array ? vm : vm.encode();
    return new JobSnapshot(shareBytes(bytes), { next: lastPlainStep, state: pack(undefined, 'nothing') }, true);
  }
}

export const isIdentity = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && value.length <= mostOfName;

/** Shared bytes cannot be packed. */
const plainAnswer = (answer: Answer): unknown =>
  answer.status === 'returned' ? { ...answer, value: answer.value.slice() } : answer;

type JobState = Progress & { readonly identity: string | undefined; readonly answer: Answer | undefined };

/** Throws SnapshotError. */
function jobState(meta: unknown): JobState {
  const { next, state, identity, answer } = (meta ?? {}) as Partial<Record<keyof JobState, unknown>>;
  if (typeof next !== 'string' || !(state instanceof Uint8Array))
    throw new SnapshotError('the progress of the job is damaged', 'job state');
  if (identity !== undefined && !isIdentity(identity))
    throw new SnapshotError('the identity of the job is damaged', 'job state');
  return { next, state: shareBytes(state), identity, answer: answer === undefined ? undefined : answerOf(answer) };
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
