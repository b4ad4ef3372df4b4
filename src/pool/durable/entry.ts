// What a store says of a job: the data of the head `job/KEY`. Its writer and its reader stand side by side; what is read is
// hostile until it is checked. Who looks at a store from outside, as the command line does, reads it here, too.

import { GuestError, StoreError, UsageError, WasboxError } from '../../spec/errors.ts';
import {
  aNumber,
  anInteger,
  aText,
  type Checks,
  check,
  listOf,
  oneOf,
  optionsOf,
  theOptions,
} from '../../spec/options.ts';
import { attempt, isA, messageOf, quoted } from '../../spec/told.ts';
import type { Head, HeadState } from '../../store/index.ts';
import { fromData } from '../told/errors.ts';
import { isIdentity } from '../told/identity.ts';
import { unpack } from '../told/parcel.ts';
import type { ErrorData } from '../told/protocol.ts';

/** `live`: it has no result yet. */
export type EntryState = 'live' | 'done' | 'failed';

/** A job as it is kept. */
export interface Entry {
  readonly state: EntryState;
  /** Who goes on with it: a pool; `wasbox run`, whose program has the standard streams; or the runners of a queue. */
  readonly by: 'pool' | 'run' | 'queue';
  /** What it is, in a few words for people. */
  readonly title: string;
  /** What services know it by. */
  readonly identity: string;
  /** A hash of what was asked for: the same key with something else is a mistake. */
  readonly digest: string;
  /** How often it has changed hands: each owner has the right of its number only. */
  readonly fence: number;
  /** Whose it is; undefined where nobody has it. */
  readonly owner: string | undefined;
  /** Blobs: what it was submitted with; its last checkpoint; its output or error. */
  readonly spec: string | undefined;
  readonly checkpoint: string | undefined;
  readonly result: string | undefined;
  /** Of the modules, in the order of the spec. */
  readonly modules: readonly string[];
  /** How often it was saved. */
  readonly saves: number;
  /** Fuel paid, and ms under way, until then. */
  readonly paid: number;
  readonly spent: number;
  /** In ms since 1970: for people, and for how long results are kept. */
  readonly submittedAt: number;
  readonly changedAt: number;
  /** The call of a service that it waited for when it was last saved. */
  readonly calling: number | undefined;
  /** Of a job of a queue: the only one there that may go on with it. */
  readonly ticket?: string | undefined;
  /** Of a job of a queue: it is to come to rest; nobody's by then, it has. */
  readonly wish?: 'rest' | undefined;
  /** Of a job of a queue, what it was put there with: its priority, as that has it, and when it may begin, in ms since 1970. */
  readonly priority?: number | undefined;
  readonly runAt?: number | undefined;
  /** Of a job of a queue: whose it is. */
  readonly tenant?: string | undefined;
}

const prefix = 'job/';
export const headOf = (key: string): string => `${prefix}${key}`;
export const jobsPrefix = prefix;
export const keyOf = (head: string): string => head.slice(prefix.length);

const maybe =
  (check: (value: unknown, what: string) => void) =>
  (value: unknown, what: string): void => {
    if (value !== undefined) check(value, what);
  };
const aBlob = check((v: unknown) => typeof v === 'string' && /^[0-9a-f]{64}$/.test(v), 'the name of a blob');
/** As a part of the name of a head. */
const anOwner = check((v: unknown) => typeof v === 'string' && /^[!-~]{1,200}$/.test(v), 'the name of an owner');
/** A Date can be that late. */
const aDate = aNumber(0, 8.64e15);
/** Far from where adding one does nothing. */
const aCounter = (least: number) => anInteger(least, 2 ** 52);
const checks: Checks<Entry> = {
  state: oneOf('live', 'done', 'failed'),
  by: oneOf('pool', 'run', 'queue'),
  title: aText,
  identity: aText,
  digest: aText,
  fence: aCounter(1),
  owner: maybe(anOwner),
  spec: maybe(aBlob),
  checkpoint: maybe(aBlob),
  result: maybe(aBlob),
  modules: listOf(aBlob),
  saves: aCounter(0),
  paid: anInteger(0),
  spent: aDate,
  submittedAt: aDate,
  changedAt: aDate,
  calling: maybe(anInteger(0)),
  ticket: maybe(anOwner),
  wish: maybe(oneOf('rest')),
  priority: maybe(anInteger(0, 2 ** 21 - 1)),
  runAt: maybe(aDate),
  tenant: maybe(check(isIdentity, 'the name of a tenant')),
};
const isEntry = optionsOf<Entry>(
  checks,
  ...(['state', 'by', 'title', 'identity', 'digest', 'fence', 'modules', 'saves'] as const),
  ...(['paid', 'spent', 'submittedAt', 'changedAt'] as const),
);

/** What goes together. Throws UsageError. */
function isWhole({ state, by, spec, modules, result, ticket }: Entry): void {
  if (state === 'live' && result !== undefined) throw new UsageError('it has no result yet, and one');
  if (state !== 'live' && result === undefined) throw new UsageError('it has ended without a result');
  if (state === 'live' && by !== 'run' && (spec === undefined || modules.length === 0))
    throw new UsageError('it was submitted without a spec or a module');
  if ((by === 'queue') !== (ticket !== undefined)) throw new UsageError('only a job of a queue has a ticket, and each');
}

/**
 * In JSON, which is read several times as fast as what V8 serializes: whoever lists a store reads all of them. All that the job
 * still needs is linked to.
 */
export const stateOf = (entry: Entry): HeadState => ({
  data: new TextEncoder().encode(JSON.stringify(entry)),
  links: [
    ...new Set([entry.spec, entry.checkpoint, entry.result, ...entry.modules].filter((link) => link !== undefined)),
  ],
});

/** As older ones wrote it, too. */
const read = (data: Uint8Array): unknown =>
  data[0] === brace ? JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.length).toString()) : unpack(data);
const brace = 0x7b;

/** Throws StoreError: `version` where it has what only a later version can have written, else `damaged`. */
export function entryOf({ name, data, damage }: Head): Entry {
  if (damage !== undefined)
    throw new StoreError('what the store has kept of a job is damaged', 'damaged', whereHead(name));
  const entry = attempt(() => read(data), undefined);
  try {
    isEntry(entry, theOptions);
    isWhole(entry as Entry);
  } catch (cause) {
    const reason = hasMore(entry) ? 'version' : 'damaged';
    throw new StoreError(`the head is of no job: ${messageOf(cause)}`, reason, whereHead(name), { cause });
  }
  return entry as Entry;
}
const hasMore = (entry: unknown): boolean =>
  Object(entry) === entry &&
  !Array.isArray(entry) &&
  Object.keys(entry as object).some((key) => !Object.hasOwn(checks, key));
const whereHead = (name: string): string => `head ${JSON.stringify(name)}`;

/** What a job of a pool has come to. */
export type Outcome =
  | { readonly kind: 'done'; readonly output: unknown }
  | { readonly kind: 'failed'; readonly error: Error };

/** Of a job that has ended, from the bytes of its result. Throws StoreError. */
export function outcomeOf(key: string, { state }: Entry, bytes: Uint8Array): Outcome {
  const value = resultIn(key, bytes);
  if (state === 'done') return { kind: 'done', output: value };
  const error = attempt(() => fromData(value as ErrorData), undefined);
  if (error === undefined || !isTold(error)) throw badResult(key);
  return { kind: 'failed', error };
}

/** A result as it was packed. Throws StoreError. */
export function resultIn(key: string, bytes: Uint8Array): unknown {
  try {
    return unpack(bytes);
  } catch (cause) {
    throw badResult(key, { cause });
  }
}

export const badResult = (key: string, options?: ErrorOptions): StoreError =>
  new StoreError('the result that was kept of a job is none', 'damaged', `job ${quoted(key)}`, options);

/** Whether all is there that those look at who tell an error. */
function isTold(error: Error): boolean {
  const texts = [error.name, error.message, error.stack ?? '', isA(error, WasboxError) ? error.code : ''];
  if (!texts.every((text) => typeof text === 'string')) return false;
  if (!isA(error, GuestError)) return true;
  const { frames, omitted } = error as { frames?: unknown; omitted?: unknown };
  return Number.isSafeInteger(omitted) && Array.isArray(frames) && frames.every(isFrame);
}
const isFrame = (frame: unknown): boolean => {
  const { name, offset } = Object(frame) as { name?: unknown; offset?: unknown };
  return typeof name === 'string' && Number.isSafeInteger(offset);
};
