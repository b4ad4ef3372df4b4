// What a job was submitted with, as bytes: enough to begin it anew in another process. Services are objects, so that only their
// names are kept; whoever recovers the job has them. Whoever can write a store says what code its jobs load, as whoever can
// write a program's files does.

import { concatBytes } from '@noble/hashes/utils.js';
import { hashOf } from '../../runtime/beneath/sha256.ts';
import { StoreError } from '../../spec/errors.ts';
import { attempt, cut } from '../../spec/told.ts';
import type { Carried } from '../told/module-bytes.ts';
import type { JobSpec } from '../told/options.ts';
import { pack, shareBytes, unpack } from '../told/parcel.ts';
import type { Progress, VmState } from '../told/protocol.ts';
import type { Place } from './place.ts';

/** Where a job begins: a new VM, or one that was saved elsewhere. */
export type Origin = Omit<Place, 'paid'>;

const kept = [
  'program',
  'host',
  'serviceTimeout',
  'limits',
  'output',
  'engine',
  'tenant',
  'priority',
  'affinity',
  'sliceFuel',
  'onCrash',
  'retries',
  'checkpointEvery',
  'fuel',
  'deadline',
  'deadlineFrom',
  'overtime',
  'saveEvery',
] as const satisfies readonly (keyof JobSpec)[];
type Kept = Pick<JobSpec, (typeof kept)[number]>;

/** As it is written: bytes are plain. */
interface Written {
  readonly options: Kept;
  readonly services: readonly string[];
  readonly wasi: { readonly limits: object; readonly given: Uint8Array | undefined } | undefined;
  readonly next: string;
  readonly state: Uint8Array;
  /** A VM that was saved elsewhere; absent where the job begins with a new one of the first module. */
  readonly vm: { readonly bytes: Uint8Array; readonly foreign: boolean } | undefined;
}

/** Throws UsageError for what cannot be written. */
export function writeSpec(spec: JobSpec, services: readonly string[], { vm, progress }: Origin): Uint8Array {
  const written: Written = {
    options: Object.fromEntries(kept.map((name) => [name, spec[name]])) as unknown as Kept,
    services,
    wasi: spec.wasi && { limits: spec.wasi.limits, given: spec.wasi.given?.slice() },
    next: progress.next,
    state: progress.state.slice(),
    vm: vm.kind === 'saved' ? { bytes: vm.bytes.slice(), foreign: vm.foreign } : undefined,
  };
  return new Uint8Array(pack(written, 'what the job was submitted with'));
}

/** What a job was submitted with. */
export interface ReadSpec {
  readonly spec: JobSpec;
  /** Services that it needs. */
  readonly services: readonly string[];
  readonly origin: Origin;
}

/** Throws StoreError. `modules` are those of the entry. */
export function readSpec(bytes: Uint8Array, key: string, modules: readonly Carried[]): ReadSpec {
  const written = attempt(() => unpack(bytes), undefined) as Written | undefined;
  const [module] = modules;
  if (!(Object(written?.options) === written?.options) || written?.state === undefined || module === undefined)
    throw new StoreError(
      'what the job was submitted with cannot be read',
      'version',
      `job ${JSON.stringify(cut(key))}`,
    );
  const { options, services, wasi, next, state, vm } = written;
  const progress: Progress = { next, state: shareBytes(state) };
  const start: VmState =
    vm === undefined
      ? { kind: 'new', module: module.hash }
      : { kind: 'saved', bytes: shareBytes(vm.bytes), foreign: vm.foreign };
  return {
    spec: {
      ...options,
      modules,
      key,
      wasi: wasi && { limits: wasi.limits, given: wasi.given && shareBytes(wasi.given) },
      services: {},
      identity: undefined,
      onProgress: undefined,
      signal: undefined,
    },
    services,
    origin: { vm: start, progress, answer: undefined },
  };
}

/** The same for the same job, whoever asks. The version of V8's format, in its first bytes, says nothing of the job. */
export function digestOf({ modules, program, wasi }: JobSpec, { vm, progress }: Origin): string {
  const text = JSON.stringify([modules.map(({ hash }) => hash), program, progress.next, vm.kind]);
  const parts = [progress.state, wasi?.given, vm.kind === 'saved' ? vm.bytes : undefined];
  const hashes = parts.map((part) => (part === undefined ? '' : hashOf(part.slice(2))));
  return hashOf(concatBytes(new TextEncoder().encode(text), new TextEncoder().encode(hashes.join())));
}

/** For people. */
export function titleOf({ program, wasi }: JobSpec, { progress, vm }: Origin): string {
  if (program !== undefined) return cut(program.replace(/^.*\//, ''));
  if (wasi !== undefined) return 'WASI';
  if (vm.kind === 'saved') return 'a saved VM';
  const { export: name } = Object(attempt(() => unpack(progress.state), undefined)) as { export?: unknown };
  return typeof name === 'string' ? cut(name) : '';
}
