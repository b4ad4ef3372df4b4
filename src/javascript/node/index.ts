// The public names of `wasbox/javascript` on Node: those of all hosts, and runs with the QuickJS of the package.

import { resumedAfar, runAfar } from '../javascript.ts';
import type { ProgramThreads } from '../run/afar.ts';
import { type RunningProgram, started } from '../run/begin.ts';
import type { TokenInfo } from '../run/inspect.ts';
import type { ResumeOptions, RunOptions } from '../run/options.ts';
import type { Session, SessionOptions } from '../run/session.ts';
import { quickjs } from './quickjs.ts';

export * from '../index.ts';
export type { ProgramThreads } from '../run/afar.ts';
export { quickjs };

/** Where a program runs. */
export interface OnThreads {
  /**
   * A `Pool`, on whose threads the program's code runs, in turn with all else that the pool does; on this thread unless told.
   * Tools, `save` and `print` are called here. A thread that dies is no loss: another one goes on from the last token.
   */
  readonly pool?: ProgramThreads | undefined;
}

/** `JavaScript.run`, with the QuickJS of the package. With a `pool` it rejects with its WorkerError, too, and CancelledError. */
export const run = (code: string, { pool, ...options }: RunOptions & OnThreads = {}): RunningProgram =>
  pool === undefined ? quickjs().run(code, options) : started(() => runAfar(pool, code, options));

/** `JavaScript.resume`, with the QuickJS of the package; with a `pool` as `run`. */
export const resume = (token: Uint8Array, { pool, ...options }: ResumeOptions & OnThreads = {}): RunningProgram =>
  pool === undefined ? quickjs().resume(token, options) : started(() => resumedAfar(pool, token, options));

/** `JavaScript.session`, with the QuickJS of the package. */
export const session = (options?: SessionOptions): Session => quickjs().session(options);

/** `JavaScript.inspect`, with the QuickJS of the package. */
export const inspect = (token: Uint8Array, options?: Pick<ResumeOptions, 'limits'>): TokenInfo =>
  quickjs().inspect(token, options);
