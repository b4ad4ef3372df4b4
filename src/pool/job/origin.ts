// Where a job begins: what it was submitted or resumed with, and the place that it starts from.

import { Snapshot } from '../../snapshot/snapshot.ts';
import { check } from '../../spec/options.ts';
import { type PlainStart, plainStart } from '../told/batch.ts';
import { type Carried, carried } from '../told/module-bytes.ts';
import {
  type CallSpec,
  type JobSpec,
  jobSpec,
  type ProgramSpec,
  type ResumeOptions,
  type WasiSpec,
} from '../told/options.ts';
import { pack } from '../told/parcel.ts';
import { firstStep } from '../told/program.ts';
import { JobSnapshot } from '../told/snapshot.ts';
import type { Place } from './place.ts';

export interface Origin {
  readonly spec: JobSpec;
  readonly place: Omit<Place, 'paid'>;
}

/** The options have been checked. */
export function submitted(options: CallSpec | ProgramSpec | WasiSpec): Origin {
  const module = carried(options.module);
  const progress = plainOf(options) ?? { next: firstStep, state: pack(inputOf(options), 'the input') };
  return {
    spec: jobSpec(options, [module]),
    place: { vm: { kind: 'new', module: module.hash }, progress, answer: undefined },
  };
}

/** The options have been checked. Throws UsageError, SnapshotError. */
export function resumed(from: JobSnapshot | Snapshot | Uint8Array, options: ResumeOptions): Origin {
  const { spec, identity, answer, bytes, foreign, ...snapshot } = jobSnapshotOf(from);
  const progress =
    options.export === undefined
      ? snapshot.progress
      : { next: firstStep, state: pack({ export: options.export, args: options.args ?? [] }, 'the input') };
  return {
    spec: jobSpec(options, modulesOf(spec, snapshot.modules, options), spec, identity),
    place: { vm: { kind: 'saved', bytes, foreign }, progress, answer },
  };
}

/** Those that are given, else those that are known; and such as came along. */
function modulesOf(known: JobSpec | undefined, along: readonly Uint8Array[], { modules }: ResumeOptions): Carried[] {
  const given = modules?.map(carried) ?? known?.modules ?? [];
  const hashes = new Set(given.map(({ hash }) => hash));
  return [...given, ...along.map(carried).filter(({ hash }) => !hashes.has(hash))];
}

const plainOf = (spec: CallSpec | ProgramSpec | WasiSpec): PlainStart | undefined =>
  'export' in spec ? plainStart(spec.export, spec.args ?? []) : undefined;

function inputOf(spec: CallSpec | ProgramSpec | WasiSpec): unknown {
  if ('wasi' in spec) return undefined;
  if ('program' in spec) return spec.input;
  return { export: spec.export, args: spec.args ?? [] };
}

const aSnapshot = check(
  (v: unknown) => [JobSnapshot, Snapshot, Uint8Array].some((type) => v instanceof type),
  'a JobSnapshot, a Snapshot, or the bytes of one',
);

function jobSnapshotOf(from: JobSnapshot | Snapshot | Uint8Array): JobSnapshot {
  aSnapshot(from, 'what is resumed');
  if (from instanceof JobSnapshot) return from;
  return from instanceof Uint8Array ? JobSnapshot.decode(from) : JobSnapshot.of(from);
}
