// What a store may be told, for all implementations: bounds, and the checks of each argument. Throws UsageError.

import { UsageError } from '../spec/errors.ts';
import { aList, anInteger, anObject, aText, check, listOf, optionsOf, theOptions } from '../spec/options.ts';
import { quoted } from '../spec/told.ts';
import type { Commit, HeadChange, HeadState, ListOptions, NewBlob } from './types.ts';

/** Of the longest and largest that a store takes. */
export const most = {
  /** Bytes of a head's name in UTF-8. */
  headName: 1000,
  headData: 65_536,
  headLinks: 1024,
  blobBytes: 1_048_576,
  blobLinks: 8192,
  /** Heads of a page. */
  page: 10_000,
} as const;

const encoder = new TextEncoder();

const isHeadName = (name: unknown): boolean =>
  typeof name === 'string' &&
  name !== '' &&
  !/\p{Surrogate}/u.test(name) &&
  encoder.encode(name).length <= most.headName;
export const aHeadName = check(isHeadName, `a text of 1 to ${most.headName} bytes of UTF-8`);

const isBlobName = (name: unknown): boolean => typeof name === 'string' && /^[0-9a-f]{64}$/.test(name);
export const aBlobName = check(isBlobName, 'the name of a blob: 64 hexadecimal digits');

const someBytes = (bytes: number) =>
  check((v: unknown) => v instanceof Uint8Array && v.length <= bytes, `at most ${bytes} bytes, as a Uint8Array`);
const someLinks =
  (count: number) =>
  (links: unknown, what: string): void => {
    listOf(aBlobName)(links, what);
    check((v: unknown[]) => v.length <= count, `at most ${count} names`)(links, what);
  };

const blobOptions = optionsOf<NewBlob>({ bytes: someBytes(most.blobBytes), links: someLinks(most.blobLinks) }, 'bytes');
const stateOptions = optionsOf<HeadState>({ data: someBytes(most.headData), links: someLinks(most.headLinks) });
const changeOptions = optionsOf<HeadChange>(
  { name: aHeadName, expected: anInteger(0), state: stateOptions },
  'name',
  'expected',
);
const commitOptions = optionsOf<Commit>({ blobs: listOf(blobOptions), heads: listOf(changeOptions) });
const listOptions = optionsOf<ListOptions>({ prefix: aText, after: aText, limit: anInteger(1, most.page) });

/** Also that no head is changed twice. */
export function checkCommit(commit: Commit): void {
  commitOptions(commit, theOptions);
  const names = new Set<string>();
  for (const { name } of commit.heads ?? []) {
    if (names.has(name)) throw new UsageError(`a commit changes head ${quoted(name)} twice`);
    names.add(name);
  }
}

export const checkList = (options: ListOptions): void => {
  anObject(options, theOptions);
  listOptions(options, theOptions);
};
export const checkNames = (names: readonly string[]): void => {
  aList(names, 'the names');
  listOf(aBlobName)(names, 'the names');
};
