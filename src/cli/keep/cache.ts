// The folder where a command keeps rewritten modules for the next time: one that is named, or the user's own.

import { type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { attempt } from '../../spec/told.ts';
import { warn } from '../told/output.ts';
import { ownCache } from './own-cache.ts';

/** A folder by `--cache`, `false` for `--no-cache`. */
export type CacheOption = string | false | undefined;

/** Undefined for none. Nothing is made there before there is something to keep. */
export function cacheFolder(option: CacheOption): string | undefined {
  if (option === false) return undefined;
  if (option !== undefined) return named(option);
  const own = ownCache();
  if (own === undefined || own.isSafe) return own?.path;
  warn(`the cache ${own.path} is not used, as others can write there`);
  return undefined;
}

/** Who names one is told where it is of no use; one that can only be read is of some. */
function named(folder: string): string | undefined {
  const file = fileOnTheWay(folder);
  if (file === undefined) return folder;
  warn(`the cache ${folder} is not used, as ${file} is no folder`);
  return undefined;
}

function fileOnTheWay(folder: string): string | undefined {
  const stats = attempt<Stats | undefined>(() => statSync(folder), undefined);
  if (stats !== undefined) return stats.isDirectory() ? undefined : folder;
  return dirname(folder) === folder ? undefined : fileOnTheWay(dirname(folder));
}
