// What a token says of its program is looked at before the program goes on: whoever forges one writes all of it.

import { SnapshotError } from '../../spec/errors.ts';
import type { Machine } from '../machine/machine.ts';
import type { Message } from '../values/format.ts';
import { overLimit, type ProgramLimits } from './limits.ts';

/** How large a value is that crosses: its text, and its buffers. */
export const sizeOf = ({ text, blobs }: Message): number =>
  blobs.reduce((sum, { length }) => sum + length, text.length);

/** Throws SnapshotError, and ProgramLimitError where it comes with a value that is too large. */
export function checkRestored({ state, vm }: Machine, { value }: ProgramLimits): void {
  // What it has used would be less than nothing, and more left than its limit.
  if (state.fuelBefore > vm.fuelUsed) throw new SnapshotError('more fuel than was used', 'state of javascript');
  const messages = state.begun.flatMap(({ args, reply }) => (reply === null ? [args] : [args, reply]));
  if (state.ending !== null) messages.push(state.ending);
  if (messages.some((message) => sizeOf(message) > value)) throw overLimit('value', value);
}
