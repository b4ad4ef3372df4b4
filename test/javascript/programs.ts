// What tests of programs have in common: QuickJS, made once for a test file, and the engines.

import { JavaScript, type ProgramOutcome, type ResumeOptions, type RunOptions } from '../../src/javascript/index.ts';
import { quickjs, resume, run } from '../../src/javascript/node/index.ts';
import { Pool } from '../../src/pool/index.ts';
import { quickjsBytes } from './quickjs.ts';

export const js = JavaScript.from(quickjsBytes);
export const engines = ['interpreter', 'native'] as const;
/** Of two threads; it keeps no process alive. */
export const pool = new Pool({ threads: 2 });
const onPool = {
  run: (code: string, options?: RunOptions) => run(code, { ...options, pool }),
  resume: (token: Uint8Array, options?: ResumeOptions) => resume(token, { ...options, pool }),
};
/** As programs do that begin on this thread where many are there. */
const onMany = {
  run: (code: string, options?: RunOptions) => run(code, { ...options, pool: quickjs().turns }),
  resume: (token: Uint8Array, options?: ResumeOptions) => resume(token, { ...options, pool: quickjs().turns }),
};
/** Where programs run: on each engine, in this thread, alone and as one of many, and on those of a pool. */
export const places = engines.flatMap((engine) => [
  { where: engine as string, engine, js: js as typeof onPool },
  { where: `${engine}, one of many`, engine, js: onMany },
  { where: `${engine} on a pool`, engine, js: onPool },
]);
export const otherEngine = { interpreter: 'native', native: 'interpreter' } as const;

/** The value of a program that is done. */
export function resultOf(outcome: ProgramOutcome): unknown {
  if (outcome.status !== 'done') throw new Error(`the program is ${outcome.status}: ${told(outcome)}`);
  return outcome.value;
}
const told = (outcome: ProgramOutcome): string => (outcome.status === 'failed' ? outcome.error.stack : '');

/** What a program failed with. */
export function errorOf(outcome: ProgramOutcome) {
  if (outcome.status !== 'failed') throw new Error(`the program is ${outcome.status}`);
  return outcome.error;
}

/** The token of a program at rest. */
export function tokenOf(outcome: ProgramOutcome): Uint8Array<ArrayBuffer> {
  if (outcome.token === undefined) throw new Error(`the program is ${outcome.status}: ${told(outcome)}`);
  return outcome.token;
}
