// What Redis and the way to it say when something fails, as failures of a store.

import { messageOf, peek } from '../../spec/told.ts';
import type { Failure } from '../shared/backend.ts';
import { type Kind, lost, NotConnected, refused, told, undone } from '../shared/failure.ts';

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
  const isTold = peek(Object(error), 'name') === 'ReplyError' || error instanceof NotConnected;
  const found = kinds.find(([words]) => isTold && words.test(message))?.[1];
  if (error instanceof NotConnected) return told(found ?? undone, error);
  return told(found ?? (isTold ? refused : lost), error);
}
