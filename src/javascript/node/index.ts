// The public names of `wasbox/javascript` on Node: those of all hosts, and runs with the QuickJS of the package.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { JavaScript } from '../javascript.ts';
import type { RunningProgram } from '../run/begin.ts';
import type { TokenInfo } from '../run/inspect.ts';
import type { ResumeOptions, RunOptions } from '../run/options.ts';
import type { Session, SessionOptions } from '../run/session.ts';

export * from '../index.ts';

let ours: JavaScript | undefined;

/** QuickJS as the package `quickjs-wasi` has it, of this thread. */
export function quickjs(): JavaScript {
  ours ??= JavaScript.from(readFileSync(createRequire(import.meta.url).resolve('quickjs-wasi/quickjs.wasm')));
  return ours;
}

/** `JavaScript.run`, with the QuickJS of the package. */
export const run = (code: string, options?: RunOptions): RunningProgram => quickjs().run(code, options);

/** `JavaScript.resume`, with the QuickJS of the package. */
export const resume = (token: Uint8Array, options?: ResumeOptions): RunningProgram => quickjs().resume(token, options);

/** `JavaScript.session`, with the QuickJS of the package. */
export const session = (options?: SessionOptions): Session => quickjs().session(options);

/** `JavaScript.inspect`, with the QuickJS of the package. */
export const inspect = (token: Uint8Array, options?: Pick<ResumeOptions, 'limits'>): TokenInfo =>
  quickjs().inspect(token, options);
