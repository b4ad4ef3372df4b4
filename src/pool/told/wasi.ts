// Jobs that are programs for WASI: what they are given and what comes of them, on both sides. What a program has of WASI is
// state of its VM and moves with it, so what it is given goes to a thread once, with the first slice.

import { UsageError } from '../../spec/errors.ts';
import { anything, type Checks, check, optionsOf } from '../../spec/options.ts';
import type { Instance, VM } from '../../vm.ts';
import {
  type ClockOption,
  type Content,
  type Contents,
  type DatedFile,
  type Left,
  type RandomOption,
  type Wasi,
  type WasiLimits,
  wasi,
} from '../../wasi/index.ts';
import { giverOf } from '../../wasi/options.ts';
import { type Parcel, pack, unpack } from './parcel.ts';
import type { Program, Step, StepResult } from './program.ts';

/** What a program is given, as `wasi` takes it. Its files are in memory, and part of the job. */
export interface WasiJob {
  /** The program's name first; none unless told. */
  readonly args?: readonly string[] | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly stdin?: string | Uint8Array | undefined;
  /** By path; the program sees them below `/`, which is empty unless told. */
  readonly files?: Contents | undefined;
  readonly clock?: ClockOption | undefined;
  readonly random?: RandomOption | undefined;
  /** Output: 64 MiB. Descriptors: 1,024. Bytes of files: 1 GiB. A resumed job has those that it is resumed with. */
  readonly limits?: Partial<WasiLimits> | undefined;
}

/** What comes of a program. */
export interface WasiOutput extends Left {
  /** All 32 bits of it. */
  readonly exitCode: number;
}

/** What an order says of a job's program. */
export interface WasiOrder {
  readonly limits: Partial<WasiLimits>;
  /** All that it is given; absent where its VM has it already. */
  readonly given: Parcel | undefined;
}

const jobChecks: Checks<WasiJob> = {
  args: anything,
  env: anything,
  stdin: check((v: unknown) => typeof v === 'string' || v instanceof Uint8Array, 'a text or bytes'),
  files: check((v: unknown) => Object(v) === v && !('create' in (v as object)), 'files by their paths'),
  clock: anything,
  random: anything,
  limits: anything,
};
const jobOptions = optionsOf<WasiJob>(jobChecks);

/** Throws UsageError. What is in the options is checked where a system is made of them. */
export const aWasiJob = (value: unknown, what: string): void => {
  jobOptions(value, what);
  const { files: _, ...rest } = value as WasiJob;
  giverOf(rest);
};

/** Throws UsageError for what cannot go to another thread. */
export function wasiOrder({ limits = {}, files, stdin, ...rest }: WasiJob): WasiOrder {
  const list =
    files === undefined ? undefined : [...entriesOf(files)].map(([path, content]) => [path, plainContent(content)]);
  const given = pack({ ...rest, stdin: stdin && plain(stdin), files: list }, 'what the program is given');
  return { limits: { ...limits }, given };
}

const entriesOf = (files: Contents): Iterable<readonly [string, Content]> =>
  Symbol.iterator in files ? files : Object.entries(files);

/** Shared bytes cannot be packed. */
const plain = <T>(bytes: T): T | Uint8Array =>
  bytes instanceof Uint8Array && !(bytes.buffer instanceof ArrayBuffer) ? new Uint8Array(bytes) : bytes;

const plainContent = (content: Content): unknown =>
  Object.hasOwn(Object(content), 'data')
    ? { ...(content as object), data: plain((content as DatedFile).data) }
    : plain(content);

// On the threads.

/** What the VM of a job imports. */
export function systemOf({ limits, given }: WasiOrder): Wasi {
  const { files = [], ...rest } = given === undefined ? {} : (unpack(given) as WasiJob);
  return wasi({ ...rest, files, limits });
}

const start: Step = (): StepResult => ({ call: '_start', next: 'end' });

/** The program of such a job: its results are the code with which it exited, or none. */
export const wasiProgram = (system: Wasi): Program => ({
  start,
  end: (guest: Instance, _state: undefined, [code = 0]: readonly unknown[]): StepResult => {
    const { stdout, stderr, files } = system.of(guest.vm as VM);
    return { done: { exitCode: code, stdout, stderr, files } };
  },
});

/** Whether an input of `map` is what goes to standard input; else it is more of what the program is given. */
export function withInput(job: WasiJob, input: unknown): WasiJob {
  if (typeof input === 'string' || input instanceof Uint8Array) return { ...job, stdin: input };
  if (Object(input) !== input) throw new UsageError('an input is a text, bytes, or what the program is given besides');
  return { ...job, ...(input as WasiJob) };
}
