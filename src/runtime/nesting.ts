// Runs within runs: a host function calls back into the guest that called it, or runs another VM. Whatever an inner run
// comes to, the one around it goes on with all that it had. What a store has of that is kept here, and what the thread
// has: what an engine has is its own business (RATIONALE.md lists it).

import type { Store } from './store.ts';

/** Host functions that are running in this thread, of whatever VM: they all use the thread's one stack. */
let hostCalls = 0;

export const hostCallsOfThread = (): number => hostCalls;

/** A host function begins to run. Frames of the store below cannot be suspended until it has ended. */
export function enterHost(store: Store): void {
  store.hostDepth++;
  hostCalls++;
}

export function leaveHost(store: Store): void {
  hostCalls--;
  store.hostDepth--;
}

/** Does what a host function does. */
export function inHost<T>(store: Store, act: () => T): T {
  enterHost(store);
  try {
    return act();
  } finally {
    leaveHost(store);
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
