// What the queue knows of a job: a ticket, which is its id there, and the key by which the store has all else. Whatever a queue
// delivers is checked: anybody may write there who knows the server.

import { randomUUID } from 'node:crypto';
import { isIdentity } from '../pool/told/identity.ts';
import { UsageError } from '../spec/errors.ts';
import { quoted } from '../spec/told.ts';

/** The data of a job in the queue. */
export interface Told {
  readonly key: string;
  /** For people who look at the queue. */
  readonly tenant?: string;
}

const mostShown = 60;

/** Never the same twice; it shows the key to people. */
export const newTicket = (key: string): string => `${key.slice(0, mostShown).replace(/[^\w.-]/g, '_')}.${randomUUID()}`;

/** The key of a job that was delivered. Throws UsageError where it is none of ours. */
export function keyIn(data: unknown, ticket: unknown): string {
  const { key } = Object(data) as Partial<Record<keyof Told, unknown>>;
  if (!isIdentity(key) || /\p{Surrogate}/u.test(key))
    throw new UsageError('the job of the queue is none of wasbox: its data has no `key` of 1 to 200 characters');
  if (typeof ticket !== 'string') throw new UsageError(`the job ${quoted(key)} of the queue has no id`);
  return key;
}

/** A priority of a pool, from -20 to 20, as BullMQ has them: what has the least is the first. */
export const bullPriority = (priority: number): number => Math.round((20 - priority) * 1000) + 1;
