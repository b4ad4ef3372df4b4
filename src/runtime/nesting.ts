// Runs within runs: a host function calls back into the guest that called it, or runs another VM. Whatever an inner run
// comes to, the one around it goes on with all that it had. What a store has of that is kept here, and what the thread
// has: what an engine has is its own business (RATIONALE.md lists it).

import type { Store } from './store.ts';

/** Host functions that are running in this thread, of whatever VM: they all use the thread's one stack. */
let hostCalls = 0;

export const hostCallsOfThread = (): number => hostCalls;

/** Does what a host function does. Frames of the store below cannot be suspended meanwhile. */
export function inHost<T>(store: Store, act: () => T): T {
  store.hostDepth++;
  hostCalls++;
  try {
    return act();
  } finally {
    hostCalls--;
    store.hostDepth--;
  }
}

/**
 * Makes a call on top of whatever is on the stack. The stack is as before in the end, and so is the debt: the call does
 * not pay what others owe, and what it used is told by `fuelUsed`.
 */
export function onTop<T>(store: Store, act: () => T): T {
  const { stack, debt } = store;
  const { depth, top } = stack;
  store.debt = 0;
  try {
    return act();
  } finally {
    stack.depth = depth;
    stack.top = top;
    store.debt = debt;
  }
}
