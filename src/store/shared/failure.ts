// The kinds of failures that databases have in common, and what they are for whoever asked.

import type { StoreReason } from '../../spec/errors.ts';
import { messageOf } from '../../spec/told.ts';
import type { Failure } from './backend.ts';

/** There was no connection: nothing was asked. */
export class NotConnected extends Error {}

export interface Kind {
  readonly passing: boolean;
  readonly unknown: boolean;
  readonly reason: StoreReason;
  readonly why: string;
}
/** In the midst of it. */
export const lost: Kind = {
  ...{ passing: true, unknown: true, reason: 'gone' },
  why: 'the connection to the database was lost',
};
export const undone: Kind = {
  ...{ passing: true, unknown: false, reason: 'gone' },
  why: 'the database could not do it now',
};
export const refused: Kind = { passing: false, unknown: false, reason: 'io', why: 'the database refuses' };

/** Errors of clients have more in them than is for everybody, passwords and data: only their messages go on. */
export const told = ({ why, ...kind }: Kind, error: unknown): Failure => ({
  ...kind,
  message: `${why}: ${messageOf(error)}`,
});
