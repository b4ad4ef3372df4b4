// What S3, the way to it and its client say when something fails, as failures of a store.

import { messageOf, peek } from '../../spec/told.ts';
import type { Failure } from '../shared/backend.ts';
import { type Kind, lost, refused, undone } from '../shared/failure.ts';

const later: Kind = { ...undone, why: 'S3 could not do it now' };
const away: Kind = { ...undone, why: 'S3 cannot be reached' };
const cut: Kind = { ...lost, why: 'the connection to S3 was lost' };
const against: Kind = { ...refused, why: 'S3 refuses' };
const unready: Kind = { ...refused, why: 'S3 cannot be asked' };

/** By the codes that S3 answers with; the first that fits. */
const codes: readonly (readonly [codes: RegExp, kind: Kind])[] = [
  [/^(SlowDown|Throttling|RequestTimeout|OperationAborted|ServiceUnavailable|InternalError|RequestThrottled)/, later],
  [/^(NoSuchBucket|InvalidBucketName)$/, { ...refused, why: 'the bucket is not there' }],
  [/Quota|StorageFull|InsufficientStorage|CapacityExceeded/i, { ...refused, reason: 'full', why: 'S3 is full' }],
  [
    /^(AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|InvalidToken|AllAccessDisabled|AccountProblem)/,
    { ...refused, why: 'S3 lets us not in' },
  ],
  [/^InvalidObjectState$/, { ...refused, why: 'S3 has archived it' }],
  [/^CredentialsProviderError$/, { ...refused, why: 'no credentials for S3 could be had' }],
];

/** By the status of an answer whose code says nothing. */
function kindOfStatus(status: number): Kind {
  if (status === 507) return { ...against, reason: 'full', why: 'S3 is full' };
  // It knows no such request: asking again is no help.
  if (status === 501) return against;
  if (status === 429 || status >= 500) return later;
  return status === 401 || status === 403 ? { ...against, why: 'S3 lets us not in' } : against;
}

/** By what the operating system and Node say of a connection. */
function kindOfConnection(code: string): Kind {
  if (/^(ECONNREFUSED|ENOTFOUND|EAI_|EHOSTUNREACH|ENETUNREACH)/.test(code)) return away;
  return /^ERR_|CERT|SIGNED/.test(code) ? { ...refused, why: 'the connection to S3 cannot be trusted' } : cut;
}

export function failureOf(error: unknown): Failure {
  const { why, ...kind } = kindOf(error);
  // Attempts at several addresses have no message of their own.
  const message = messageOf(error) || textOf(error, 'code') || textOf(error, 'name');
  return { ...kind, message: `${why}: ${message}` };
}

function kindOf(error: unknown): Kind {
  const name = textOf(error, 'name');
  const found = codes.find(([words]) => words.test(name))?.[1];
  if (found !== undefined) return found;
  const status = peek(Object(peek(Object(error), '$metadata')), 'httpStatusCode');
  if (typeof status === 'number' && status >= 300) return kindOfStatus(status);
  const code = textOf(error, 'code');
  if (code !== '') return kindOfConnection(code);
  // An answer that cannot be read, or one that did not come in time; else it is the client's, and nothing was asked.
  return typeof status === 'number' || name === 'TimeoutError' ? cut : unready;
}

function textOf(error: unknown, key: string): string {
  const text = peek(Object(error), key);
  return typeof text === 'string' ? text : '';
}
