// What a store says of a job: the data of the head `job/KEY`. Its writer and its reader stand side by side; what is read is
// hostile until it is checked. Who looks at a store from outside, as the command line does, reads it here, too.

import { StoreError } from '../../spec/errors.ts';
import { aCount, aNumber, anInteger, aText, type Checks, oneOf, optionsOf, theOptions } from '../../spec/options.ts';
import { attempt, messageOf } from '../../spec/told.ts';
import type { Head, HeadState } from '../../store/index.ts';
import { unpack } from '../told/parcel.ts';

/** `live`: it has no result yet. */
export type EntryState = 'live' | 'done' | 'failed';

/** A job as it is kept. */
export interface Entry {
  readonly state: EntryState;
  /** Who goes on with it: a pool, or `wasbox run`, whose program has the standard streams. */
  readonly by: 'pool' | 'run';
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
const someTexts = (value: unknown, what: string): void => {
  for (const each of value as unknown[]) aText(each, what);
};
const checks: Checks<Entry> = {
  state: oneOf('live', 'done', 'failed'),
  by: oneOf('pool', 'run'),
  title: aText,
  identity: aText,
  digest: aText,
  fence: anInteger(1),
  owner: maybe(aText),
  spec: maybe(aText),
  checkpoint: maybe(aText),
  result: maybe(aText),
  modules: someTexts,
  saves: anInteger(0),
  paid: aCount,
  spent: aNumber(0),
  submittedAt: aNumber(0),
  changedAt: aNumber(0),
  calling: maybe(anInteger(0)),
};
const isEntry = optionsOf<Entry>(checks, 'state', 'by', 'title', 'identity', 'digest', 'fence', 'modules', 'saves');

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

/** Throws StoreError. */
export function entryOf({ name, data, damage }: Head): Entry {
  if (damage !== undefined)
    throw new StoreError('what the store has kept of a job is damaged', 'damaged', whereHead(name));
  const entry = attempt(() => read(data), undefined);
  try {
    isEntry(entry, theOptions);
  } catch (cause) {
    throw new StoreError(`the head is of no job: ${messageOf(cause)}`, 'version', whereHead(name), { cause });
  }
  return entry as Entry;
}
const whereHead = (name: string): string => `head ${JSON.stringify(name)}`;
