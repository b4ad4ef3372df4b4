// Where this user's cache is: what commands keep for the next time and can make again.

import { type Stats, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { attempt } from '../../spec/told.ts';
import { isSafe } from '../../store/disk/look.ts';

/** By the environment, or in the user's folder of caches; undefined for none. It need not be there. */
export function ownCache(): { readonly path: string; readonly isSafe: boolean } | undefined {
  const { WASBOX_CACHE: named } = process.env;
  if (named !== undefined) return named === '' ? undefined : { path: named, isSafe: true };
  const path = usual();
  const stats = attempt<Stats | undefined>(() => statSync(path), undefined);
  return { path, isSafe: stats === undefined || isSafe(stats) };
}

function usual(): string {
  const { XDG_CACHE_HOME: caches = '', LOCALAPPDATA: local = '' } = process.env;
  if (isAbsolute(caches)) return join(caches, 'wasbox');
  if (process.platform === 'win32' && isAbsolute(local)) return join(local, 'wasbox', 'cache');
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'wasbox');
  return join(homedir(), '.cache', 'wasbox');
}
