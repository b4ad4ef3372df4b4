// The host's own stack, which grows where guest and JavaScript call each other. Where it ends the host throws RangeError
// from wherever it happens to be: better here than where something of ours is half done.

import { hostCallsOfThread } from '../runtime/nesting.ts';

/** Arguments take the room that the engine and some levels of calls may need: 60 KB. */
const room = new Array<undefined>(7500).fill(undefined);
const nothing = (): void => undefined;

/** Throws RangeError where the host's stack is nearly used up. */
export function checkHostStack(): void {
  nothing.apply(undefined, room as never);
}

/** Looking at the host's stack costs as much as a call, so it is done once for so many levels of calls. */
const levels = 16;
/** The level at which it was looked at last; less where the thread has been further down since. */
let looked = 0;

/** Does so once in a while as calls get deeper, of whatever namespaces and VMs. */
export function checkAtTimes(): void {
  const level = hostCallsOfThread();
  if (level < looked) looked = level;
  if (level - looked < levels) return;
  checkHostStack();
  looked = level;
}
