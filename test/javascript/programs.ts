// What tests of programs have in common: QuickJS, made once for a test file, and the engines.

import { JavaScript, type ProgramOutcome } from '../../src/javascript/index.ts';
import { quickjsBytes } from './quickjs.ts';

export const js = JavaScript.from(quickjsBytes);
export const engines = ['interpreter', 'native'] as const;
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
