// Whether a path or URL that the command line names is a store.

import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../../spec/errors.ts';
import { isDatabase } from '../../store/open/url.ts';

/** Throws UsageError where there is none: to look at a store is not to make one. */
export function checkStore(path: string): void {
  if (isDatabase(path)) return;
  const file = join(path, 'data.mdb');
  if (!existsSync(file)) throw new UsageError(`${path} is no store: it has no file data.mdb`);
  if (statSync(file).size === 0) throw new UsageError(`${path} is no store: its file data.mdb is empty`);
}
