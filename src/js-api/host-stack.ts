// The host's own stack, which grows where guest and JavaScript call each other. Where it ends the host throws RangeError
// from wherever it happens to be: better here than where something of ours is half done.

/** Arguments take the room that the engine and some levels of calls may need: 60 KB. */
const room = new Array<undefined>(7500).fill(undefined);
const nothing = (): void => undefined;

/** Throws RangeError where the host's stack is nearly used up. */
export function checkHostStack(): void {
  nothing.apply(undefined, room as never);
}
