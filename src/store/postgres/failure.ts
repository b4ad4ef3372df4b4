// What PostgreSQL and the way to it say when something fails, as failures of a store.

import { peek } from '../../spec/told.ts';
import type { Failure } from '../shared/backend.ts';
import { type Kind, lost, NotConnected, refused, told, undone } from '../shared/failure.ts';

/** By the codes of PostgreSQL, or how they begin; the first that fits. */
const kinds: readonly (readonly [codes: RegExp, kind: Kind])[] = [
  // Shut down, crashed, a connection that broke: at whatever moment.
  [/^(57P0[12]|08)/, lost],
  // It starts, or has too many connections.
  [/^(57P03|53300)$/, undone],
  // Deadlocks, locks that were not to be had, a commit whose twin was faster.
  [/^(40P01|40001|55P03|23505)$/, undone],
  [/^57014$/, { ...undone, passing: false, why: 'the database took too long, and gave up' }],
  [/^53[12]00$/, { ...refused, reason: 'full', why: 'the database is full' }],
  [/^25006$/, { ...refused, why: 'the database takes no changes now: it is read-only' }],
  [/^XX00[12]$/, { ...refused, reason: 'damaged', why: 'what the database has kept is damaged' }],
  [/^(3F000|42P01|42703|42883)$/, { ...refused, reason: 'version', why: 'it is no store any more' }],
  [/^(28|42501|3D000)/, { ...refused, why: 'the database lets us not in' }],
];

export function failureOf(error: unknown): Failure {
  const code = peek(Object(error), 'code');
  return told(kindOf(error, typeof code === 'string' ? code : ''), error);
}

function kindOf(error: unknown, code: string): Kind {
  const found = kinds.find(([codes]) => codes.test(code))?.[1];
  if (error instanceof NotConnected) return found === undefined || found === lost ? undone : found;
  // What PostgreSQL itself has said has a code of five letters; all else is about the connection.
  return found ?? (/^[0-9A-Z]{5}$/.test(code) ? refused : lost);
}
