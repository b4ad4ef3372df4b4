// What whoever runs or resumes a program says.

import {
  aFunction,
  aNumber,
  anObject,
  anything,
  aSignal,
  aText,
  type Checks,
  check,
  oneOf,
  optionsOf,
  recordOf,
  type Signal,
} from '../../spec/options.ts';
import { type EngineName, engineOption } from '../../vm/engines.ts';
import type { ClockOption } from '../../wasi/system/clock.ts';
import type { RandomOption } from '../../wasi/system/random.ts';
import type { SourceType } from '../machine/machine.ts';
import type { Message } from '../values/format.ts';
import { limitOptions, type ProgramLimitOptions } from './limits.ts';
import type { ConsoleEvent } from './outcome.ts';
import { isAwaitedTool, type Tools } from './tools.ts';

/** What holds for a run, whether it begins or goes on. */
export interface ProgramOptions {
  /** What the program may call, by the names of its globals. */
  readonly tools?: Tools | undefined;
  /** Sources of the modules that it may import, by name. */
  readonly modules?: Readonly<Record<string, string>> | undefined;
  readonly limits?: ProgramLimitOptions | undefined;
  /** Brings the program to rest once it is aborted: the outcome is `paused`, with a token. */
  readonly signal?: Signal | undefined;
  /** Is told what the program prints, as it does. */
  readonly print?: ((event: ConsoleEvent) => void) | undefined;
  /**
   * Is given a token before each call of a tool, which is made once it has resolved: whoever keeps it can resume there,
   * with the call's id, if this process is lost.
   */
  readonly save?: ((token: Uint8Array<ArrayBuffer>) => unknown) | undefined;
  /** A program that has nothing to do but sleep for more than so many milliseconds comes to rest; 1,000 unless told. */
  readonly longestSleep?: number | undefined;
  /** `auto` unless told. */
  readonly engine?: EngineName | undefined;
}

/** What a program begins with. */
export interface RunOptions extends ProgramOptions {
  /** The value of its global `input`. */
  readonly input?: unknown;
  /** Names the run in the ids of its calls; random unless told. */
  readonly id?: string | undefined;
  /** How stack traces call the code; `main.js` unless told. */
  readonly file?: string | undefined;
  /**
   * `script` unless told: `await` may stand anywhere, and the value is that of the last expression. The value of a
   * `module` is its default export. `shown` is a script whose value is only to be looked at: what cannot be copied is a
   * text.
   */
  readonly type?: SourceType | undefined;
  /** The host's, unless told; or one that begins where it is told, and goes on as the program looks at it or sleeps. */
  readonly clock?: ClockOption | undefined;
  /** The host's, unless told; or a seed, from which all random numbers of the program follow. */
  readonly random?: RandomOption | undefined;
}

/** What a program goes on with. */
export interface ResumeOptions extends ProgramOptions {
  /** What calls that it waits for give, by their ids. */
  readonly results?: Readonly<Record<string, unknown>> | undefined;
  /** What they throw instead, likewise. */
  readonly errors?: Readonly<Record<string, unknown>> | undefined;
}

/** Unless told, in ms. */
export const longestSleep = 1_000;

/** What a program is driven with: where it runs for another thread, also what only that knows. */
export interface Driven extends ResumeOptions {
  /** Replies to calls, by their numbers. */
  readonly replies?: ReadonlyMap<number, Message> | undefined;
  /** In the place of `print`: is given what is printed as it crosses. */
  readonly printed?: ((level: string, message: Message) => void) | undefined;
  /** Whether calls are under way on that thread: then a clock of the program's own does not go on to its next timer. */
  readonly areElsewhere?: (() => boolean) | undefined;
}

const tool = check((v: unknown) => typeof v === 'function' || isAwaitedTool(v), 'a function, or what asyncTool makes');
const programChecks: Checks<ProgramOptions> = {
  tools: recordOf(tool),
  modules: recordOf(aText),
  limits: limitOptions,
  signal: aSignal,
  print: aFunction,
  save: aFunction,
  longestSleep: aNumber(0),
  engine: engineOption,
};
export const runChecks: Checks<RunOptions> = {
  ...programChecks,
  input: anything,
  id: check((v: string) => /^[\x21-\x7e]{1,200}$/.test(v), '1 to 200 visible characters of ASCII'),
  file: check(
    (v: string) => typeof v === 'string' && v.length <= 200 && !v.includes('\0'),
    'a text of at most 200 characters',
  ),
  type: oneOf('script', 'module', 'shown'),
  clock: check((v: unknown) => v === 'live' || Object(v) === v, "'live', or where a clock begins"),
  random: check(
    (v: unknown) => v === 'live' || typeof v === 'bigint' || Number.isSafeInteger(v),
    "'live', or an integer",
  ),
};
export const checkRun = optionsOf(runChecks);
export const checkResume = optionsOf<ResumeOptions>({ ...programChecks, results: anObject, errors: anObject });
