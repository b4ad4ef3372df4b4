// What Redis and the way to it say when something fails, as failures of a store. Errors of the client have the command with them,
// and so passwords and data: only their messages go on.

import type { StoreReason } from '../../spec/errors.ts';
import { messageOf, peek } from '../../spec/told.ts';
import type { Failure } from '../shared/backend.ts';

interface Kind {
  readonly passing: boolean;
  readonly unknown: boolean;
  readonly reason: StoreReason;
  readonly why: string;
}
const lost: Kind = { passing: true, unknown: true, reason: 'gone', why: 'the connection to the database was lost' };
const undone: Kind = { passing: true, unknown: false, reason: 'gone', why: 'the database could not do it now' };
const refused: Kind = { passing: false, unknown: false, reason: 'io', why: 'the database refuses' };

/** By the words that errors of Redis begin with, and have in them where a script has met them; the first that fits. */
const kinds: readonly (readonly [words: RegExp, kind: Kind])[] = [
  [/\b(LOADING|BUSY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|NOREPLICAS)\b/, undone],
  [/\bOOM\b|no space left/i, { ...refused, reason: 'full', why: 'the database is full' }],
  [/\bMISCONF\b/, { ...refused, why: 'the database cannot write to its disk' }],
  [/\bREADONLY\b/, { ...refused, why: 'the database takes no changes now: it is a replica, and read-only' }],
  [
    /\b(WRONGTYPE|EXECABORT)\b/,
    { ...refused, reason: 'version', why: 'it is no store: its keys are of something else' },
  ],
  [/\b(NOAUTH|WRONGPASS|NOPERM)\b|invalid password/, { ...refused, why: 'the database lets us not in' }],
];

export function failureOf(error: unknown): Failure {
  const message = messageOf(error);
  const isTold = peek(Object(error), 'name') === 'ReplyError';
  const found = kinds.find(([words]) => isTold && words.test(message))?.[1];
  const { why, ...kind } = found ?? (isTold ? refused : lost);
  return { ...kind, message: `${why}: ${message}` };
}
