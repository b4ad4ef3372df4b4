// Enters the loop, in the form that V8 runs fastest: the loop knows its arrays (fixed.ts), and is compiled as a function
// that is called often, not as one that is stuck in the midst of a call.

import { fixed } from './fixed.ts';
import { makeLoop } from './loop.ts';
import type { Exit, Machine } from './machine.ts';

let { stack, code } = fixed;
let loop = makeLoop(stack, code);

/**
 * While V8 compiles the loop, a second, slower version is made for the call under way. When the better one is dropped,
 * because an op is met for the first time, the slower one may stay, for V8 then sees no reason to compile again. Calls
 * that end at once give it one: every so many entries, so many of them.
 */
const entriesBetween = 1000;
const shortCalls = 1000;
let entries = 0;

/** Runs the machine until it leaves the loop. */
export function enter(m: Machine): Exit {
  if (fixed.stack !== stack || fixed.code !== code) {
    ({ stack, code } = fixed);
    loop = makeLoop(stack, code);
  }
  if (++entries === entriesBetween) rouse(m);
  return loop(m);
}

function rouse(m: Machine): void {
  const { pc } = m;
  entries = 0;
  m.pc = 0;
  for (let i = 0; i < shortCalls; i++) loop(m);
  m.pc = pc;
}
