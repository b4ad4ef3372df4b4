// Members that wait, and nobody could end that.

import { quoted } from '../../spec/told.ts';
import { DeadlockError } from '../errors.ts';
import type { Call } from '../members/call.ts';
import type { Member } from '../members/member.ts';
import { opposite, type Port } from '../ports/port.ts';

/** Members that an error tells of. */
const mostTold = 10;

/**
 * Whether all of these, which have something to do, wait for each other. `atHost`: ports of which the host has hold, or would have
 * once it had received all that it can.
 */
export function areStuck(busy: ReadonlySet<Member>, atHost: () => ReadonlySet<Port>): boolean {
  if (busy.size === 0) return false;
  // Mostly the first of them tells.
  for (const member of busy)
    if (member.waitsForAny(({ port, side }) => port.isHeldByHost(opposite(side)))) return false;
  const held = atHost();
  return ![...busy].some((member) => member.waitsForAny(({ port }) => held.has(port)));
}

/** `calls`: by name of the caller. */
export function deadlockOf(waiting: readonly Member[], calls: ReadonlyMap<string, Call>): DeadlockError {
  const told = waiting.slice(0, mostTold).map((member) => {
    const call = calls.get(member.name);
    if (call !== undefined) return `${quoted(member.name)} for a call of ${quoted(call.callee)}`;
    return `${quoted(member.name)} for ${member.waitsFor.map(quoted).join(', ') || 'nothing'}`;
  });
  if (waiting.length > told.length) told.push('…');
  return new DeadlockError(
    `members wait, and nobody could end that: ${told.join('; ')}`,
    waiting.map(({ name }) => name),
  );
}
