// How a run of a program went, as the command line tells it.

import type { Exit } from './exit.ts';

/** How it went: for the exit code, for people, for programs. */
export interface Told {
  readonly exit: Exit;
  readonly out: readonly string[];
  readonly err: readonly string[];
  readonly json: object;
}
