// The folder where commands keep rewritten modules for the next time: one that is named, or the user's own.

import { type Stats, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { isSafe } from '../pool/thread/cache.ts';
import { attempt } from '../spec/told.ts';
import { warn } from './output.ts';

/** A folder by `--cache`, `false` for `--no-cache`. */
export type CacheOption = string | false | undefined;

/** Undefined for none. Nothing is made there before there is something to keep. */
export function cacheFolder(option: CacheOption): string | undefined {
  if (option !== undefined) return option === false ? undefined : option;
  const { WASBOX_CACHE: named } = process.env;
  if (named !== undefined) return named === '' ? undefined : named;
  const folder = ownFolder();
  const stats = attempt<Stats | undefined>(() => statSync(folder), undefined);
  if (stats === undefined || isSafe(stats)) return folder;
  warn(`the cache ${folder} is not used, as others can write there`);
  return undefined;
}

/** In the user's folder of what can be made again. */
function ownFolder(): string {
  const { XDG_CACHE_HOME: caches = '', LOCALAPPDATA: local = '' } = process.env;
  if (isAbsolute(caches)) return join(caches, 'wasbox');
  if (process.platform === 'win32' && isAbsolute(local)) return join(local, 'wasbox', 'cache');
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'wasbox');
  return join(homedir(), '.cache', 'wasbox');
}
