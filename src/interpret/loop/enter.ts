// Enters the loop on the arrays of the thread (thread-arrays.ts), and makes a new one when these have changed.

import type { Exit, Machine } from '../machine/machine.ts';
import { threadArrays } from '../machine/thread-arrays.ts';
import { makeLoop } from './loop.ts';

let { stack, code } = threadArrays;
let loop = makeLoop(stack, code);

/** Runs the machine until it leaves the loop. */
export function enter(m: Machine): Exit {
  if (threadArrays.stack !== stack || threadArrays.code !== code) {
    ({ stack, code } = threadArrays);
    loop = makeLoop(stack, code);
  }
  return loop(m);
}
