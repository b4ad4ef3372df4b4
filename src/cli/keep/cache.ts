// The folder where a command keeps rewritten modules for the next time: one that is named, or the user's own.

import { warn } from '../told/output.ts';
import { ownCache } from './own-cache.ts';

/** A folder by `--cache`, `false` for `--no-cache`. */
export type CacheOption = string | false | undefined;

/** Undefined for none. Nothing is made there before there is something to keep. */
export function cacheFolder(option: CacheOption): string | undefined {
  if (option !== undefined) return option === false ? undefined : option;
  const own = ownCache();
  if (own === undefined || own.isSafe) return own?.path;
  warn(`the cache ${own.path} is not used, as others can write there`);
  return undefined;
}
