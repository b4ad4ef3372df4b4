// Enters the loop on the arrays of the thread (fixed.ts), and makes a new one when these have changed.

import { fixed } from './fixed.ts';
import { makeLoop } from './loop.ts';
import type { Exit, Machine } from './machine.ts';

let { stack, code } = fixed;
let loop = makeLoop(stack, code);

/** Runs the machine until it leaves the loop. */
export function enter(m: Machine): Exit {
  if (fixed.stack !== stack || fixed.code !== code) {
    ({ stack, code } = fixed);
    loop = makeLoop(stack, code);
  }
  return loop(m);
}
