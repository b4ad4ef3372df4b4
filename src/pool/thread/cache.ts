// A folder of rewritten modules. It is a help and no more: what cannot be read or written is made again each time.

import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';
import type { CodeCache } from '../../rewrite/module/code-cache.ts';
import { makeFolder } from '../../store/disk/look.ts';

export const fileCache = (folder: string): CodeCache => ({
  get(key) {
    try {
      return readFileSync(join(folder, key));
    } catch {
      return undefined;
    }
  },
  /** Another process or thread never sees half of a file. */
  set(key, bytes) {
    try {
      makeFolder(folder);
      const draft = join(folder, `${key}.${process.pid}.${threadId}`);
      writeFileSync(draft, bytes);
      renameSync(draft, join(folder, key));
    } catch {
      return;
    }
  },
});
