// What a job does with its guest, as a small state machine: a *program*. Real modules take their input through memory
// (allocate, write, call, read), and a JavaScript function that does this cannot be suspended in the middle. So it is
// cut into steps at the calls. Between steps all that is left is the name of the next step and a `state` of plain
// values, which travel with the VM: the next step may run on another thread, or next week.
//
// A job module is a JavaScript module, named by its URL and loaded by the threads. It exports the steps by name; the
// first one is `start`. Each gets the guest, the state, and what the call returned:
//
//     // decode-png.js: decodes a PNG with lodepng
//     export const start = (guest, png) =>
//       ({ call: 'malloc', args: [png.length + 12], next: 'decode', state: png });
//
//     export const decode = (guest, png, [at]) => {
//       guest.memory('memory').bytes.set(png, at + 12);
//       return { call: 'lodepng_decode32', args: [at, at + 4, at + 8, at + 12, png.length], next: 'read', state: at };
//     };
//
//     export const read = (guest, at, [error]) => {
//       if (error !== 0) throw new Error(`lodepng: error ${error}`);
//       const { bytes } = guest.memory('memory');
//       const [pixels, width, height] = new Uint32Array(bytes.slice(at, at + 12).buffer);
//       return { done: { width, height, pixels: bytes.slice(pixels, pixels + width * height * 4) } };
//     };
//
//     // elsewhere
//     pool.submit({ module, program: new URL('../decode-png.js', import.meta.url), input: png })
//
// Steps keep nothing in variables of their module: another thread has its own copy of it. State, input and output are
// what structured clone can copy; references into the guest are not. A job module may also export `imports`, host
// functions as in `VM.instantiate`, under the same rule.

import type { Value } from '../../runtime/heap/ref.ts';
import { parseArguments } from '../../runtime/literals.ts';
import type { PlannedCall } from '../../snapshot/container/extras.ts';
import { HostError, UsageError } from '../../spec/errors.ts';
import { cut, messageOf, quoted } from '../../spec/told.ts';
import type { Instance } from '../../vm.ts';

/** Call an export of the guest, then go on with the step `next`. */
export interface Call {
  readonly call: string;
  readonly args?: readonly Value[];
  readonly next: string;
  readonly state?: unknown;
}
/** The job's output. */
export interface Done {
  readonly done: unknown;
}
/** What a step comes to. */
export type StepResult = Call | Done;
/**
 * A step of a job module: it gets the guest, the state that the step before left, and the results of the call in
 * between.
 */
export type Step = (guest: Instance, state: never, results: readonly Value[]) => StepResult | Promise<StepResult>;

export type Program = Readonly<Record<string, unknown>>;

/** The step that a program begins with. */
export const firstStep = 'start';

/** The input of a job that names no program. */
export interface PlainCall {
  readonly export: string;
  readonly args: readonly Value[];
}

/** The program of a job that calls one export: its output is the list of the call's results. */
export const plainProgram = {
  start: (_guest: Instance, plain: PlainCall): StepResult => ({ call: plain.export, args: plain.args, next: 'end' }),
  end: (_guest: Instance, _state: undefined, results: readonly Value[]): StepResult => ({ done: results }),
  /** Of a saved program with calls that are to follow. */
  planned: (guest: Instance, [call, ...rest]: readonly PlannedCall[], results: readonly Value[]): StepResult => {
    if (call === undefined) return { done: results };
    const { params } = guest.vm.store.funcType(guest.func(call.export).payload);
    return { call: call.export, args: parseArguments(call.export, params, call.args), next: 'planned', state: rest };
  },
} satisfies Record<string, Step>;
/** The step of the plain program after its call. */
export const lastPlainStep = 'end' satisfies keyof typeof plainProgram;
/** The one that makes the calls of a plan. */
export const nextPlannedStep = 'planned' satisfies keyof typeof plainProgram;

/** Names that a job module exports for other purposes. */
const notSteps = ['imports', 'default'];

/** Runs one step. Throws UsageError where there is no such step, HostError where it threw or returned nonsense. */
export async function runStep(
  program: Program,
  name: string,
  guest: Instance,
  state: unknown,
  results: readonly Value[],
): Promise<StepResult> {
  const step = Object.hasOwn(program, name) && !notSteps.includes(name) ? program[name] : undefined;
  if (typeof step !== 'function') throw new UsageError(`the job module exports no step ${quoted(name)}`);
  const result: unknown = await invoke(step as AnyStep, name, [guest, state, results]);
  if (!isStepResult(result)) throw new HostError(`step ${cut(name)} must return { call, next } or { done }`);
  return result;
}

type AnyStep = (...args: unknown[]) => unknown;

async function invoke(step: AnyStep, name: string, args: unknown[]): Promise<unknown> {
  try {
    return await step(...args);
  } catch (cause) {
    throw new HostError(`step ${cut(name)} threw: ${messageOf(cause)}`, { cause });
  }
}

function isStepResult(result: unknown): result is StepResult {
  if (typeof result !== 'object' || result === null) return false;
  if ('done' in result) return true;
  return 'call' in result && typeof result.call === 'string' && 'next' in result && typeof result.next === 'string';
}
