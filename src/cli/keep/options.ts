// How a program is kept in a store: what commands are told of it, and what is wrong with that.

import { UsageError } from '../../spec/errors.ts';
import { mostOfName } from '../../spec/told.ts';
import { parseSaveEvery } from '../read/arguments.ts';

export interface KeepOptions {
  /** A store: its folder, or its URL. */
  readonly store?: string;
  readonly key?: string;
  readonly saveEvery?: string;
}

/** Before anything is read. Throws UsageError. */
export function checkKeep({ store, key, saveEvery }: KeepOptions): void {
  for (const [name, value] of Object.entries({ key, 'save-every': saveEvery }))
    if (store === undefined && value !== undefined) throw new UsageError(`--${name} is of use with --store only`);
  if (key !== undefined) checkKey(key);
  if (saveEvery !== undefined) parseSaveEvery(saveEvery);
}

/** Throws UsageError. */
export function checkKey(key: string): void {
  if (key === '' || key.length > mostOfName)
    throw new UsageError(`--key must be a text of 1 to ${mostOfName} characters`);
}
