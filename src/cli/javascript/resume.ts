// `wasbox resume` of a token: a JavaScript program goes on, with the results of the calls that it waits for.

import { quickjs, type ResumeOptions } from '../../javascript/node/index.ts';
import { UsageError } from '../../spec/errors.ts';
import { at } from '../read/files.ts';
import type { Exit } from '../told/exit.ts';
import { type AnswerOptions, answersTo } from './answers.ts';
import { go } from './go.ts';
import { tokenIn } from './key.ts';
import { boundsOf, givenBy, type ProgramGoOptions } from './options.ts';

export type TokenOptions = ProgramGoOptions & AnswerOptions;

export async function resumeProgram(file: string, bytes: Uint8Array, options: TokenOptions): Promise<Exit> {
  const bounds = boundsOf(options);
  const given = await givenBy(options);
  const token = await tokenIn(file, bytes, given.seal);
  const { limits } = given.options;
  const { status, calls, fuel } = bounds.timed(() => at(file, () => quickjs().inspect(token, { limits })));
  if (status === 'idle')
    throw new UsageError(`${file}: nothing runs in it: it is a session, which .load of \`wasbox js\` opens`);
  const answers = answersTo(calls, options);
  const begin = (common: ResumeOptions) => quickjs().resume(token, { ...common, ...answers });
  return go(begin, bounds, given, options, { fuel, file });
}
