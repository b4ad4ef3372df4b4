// What is to be done with a program beside the call that it is in: calls that were planned, on the command line or by a
// pool's job, or the steps of a job's program (pool/told/program.ts).

import { pack, unpack } from '../../pool/told/parcel.ts';
import {
  firstStep,
  lastPlainStep,
  nextPlannedStep,
  type PlainCall,
  type Program,
  runStep,
} from '../../pool/told/program.ts';
import { type JobState, readJob, writeJob } from '../../pool/told/snapshot.ts';
import type { Value } from '../../runtime/heap/ref.ts';
import { formatValue, parseArguments } from '../../runtime/literals.ts';
import { type Extras, isPlannedCall, type PlannedCall } from '../../snapshot/container/extras.ts';
import { SnapshotError, UsageError } from '../../spec/errors.ts';
import { quoted } from '../../spec/told.ts';
import type { ValType } from '../../spec/types.ts';
import type { VM } from '../../vm.ts';
import type { TypedValue } from '../told/print.ts';

/** What has come of all calls: the results of the last one, or what the last step made of them. */
export type Finished = { readonly values: readonly TypedValue[] } | { readonly output: unknown };

export interface Course {
  /** Begins the next call of an idle VM; `results` are those of the call before. Returns what there is in the end. */
  next(vm: VM, results: readonly Value[]): Promise<Finished | undefined>;
  /** All of it that is still to be done, as it is saved. */
  readonly extras: Pick<Extras, 'calls' | 'job'>;
}

export class Calls implements Course {
  /** `types`: of the results of the call that the VM is in. */
  constructor(
    private calls: readonly PlannedCall[],
    private types: readonly ValType[] = [],
  ) {}

  async next(vm: VM, results: readonly Value[]): Promise<Finished | undefined> {
    const [call, ...rest] = this.calls;
    if (call === undefined) return { values: this.typed(results) };
    const func = vm.instance().func(call.export);
    const type = vm.store.funcType(func.payload);
    vm.start(func, parseArguments(call.export, type.params, call.args));
    this.calls = rest;
    this.types = type.results;
    return undefined;
  }

  private typed(results: readonly Value[]): TypedValue[] {
    return results.map((value, i) => ({ type: this.types[i] as ValType, value }));
  }

  get extras(): Pick<Extras, 'calls' | 'job'> {
    return { calls: this.calls, job: undefined };
  }
}

class Steps implements Course {
  constructor(
    private state: JobState,
    private readonly program: Program,
  ) {}

  async next(vm: VM, results: readonly Value[]): Promise<Finished | undefined> {
    const { next, state } = this.state;
    const guest = vm.instance();
    const result = await runStep(this.program, next, guest, unpack(state), results);
    if ('done' in result) return { output: result.done };
    vm.start(guest.func(result.call), result.args ?? []);
    this.state = { ...this.state, next: result.next, state: pack(result.state, `the state for step ${result.next}`) };
    return undefined;
  }

  get extras(): Pick<Extras, 'calls' | 'job'> {
    return { calls: [], job: writeJob({ ...this.state, answer: undefined, program: true }) };
  }
}

/** Of a saved program, restored as `vm`. Throws SnapshotError; UsageError for a job whose program is not given. */
export function courseOf({ calls, job }: Extras, vm: VM, program: Program | undefined): Course {
  if (job === undefined) {
    if (program === undefined) return new Calls(calls, typesUnderWay(vm));
    throw new UsageError('it is no job of a program: --program is of no use to it');
  }
  const state = readJob(job);
  return program === undefined ? new Calls(callsOf(state), typesUnderWay(vm)) : new Steps(state, program);
}

function callsOf({ next, state, program }: JobState): readonly PlannedCall[] {
  if (program !== true) {
    if (next === lastPlainStep) return [];
    if (next === nextPlannedStep) return plannedIn(unpack(state));
    const plain = next === firstStep ? plainIn(unpack(state)) : undefined;
    if (plain !== undefined) return [plain];
  }
  throw new UsageError(`it is a job of a program, whose next step is ${quoted(next)}: give it with --program FILE`);
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

/** Of the results of the call that the VM is in. */
function typesUnderWay({ store }: VM): readonly ValType[] {
  const func = store.stack.depth > 0 ? store.stack.func(0) : store.pending?.func;
  return func === undefined ? [] : store.funcType(func).results;
}
