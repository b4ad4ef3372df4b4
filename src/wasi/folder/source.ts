// Folders of the host, as a host configures them. What a folder is as a file system is in system.ts; the types here need no
// Node, as those who use them may not.

import { resolve } from 'node:path';
import { aFlag, aText, optionsOf, theOptions } from '../../spec/options.ts';
import type { FileSource, Surroundings } from '../files/types.ts';
import { FolderFileSystem } from './system.ts';

/** What a program may do in a folder. */
export interface FolderOptions {
  /** False unless told. What would change something fails with `rofs`. */
  readonly readOnly?: boolean | undefined;
}

const checkOptions = optionsOf<FolderOptions>({ readOnly: aFlag });

/**
 * A folder of the host. Nothing outside of it is reached, whatever links and `..` say and whoever renames what meanwhile;
 * on other hosts than Linux it must not be changed by others at the same time. Throws UsageError where there is no such
 * folder. A restore opens again, by its path, what was open; what is not there any more, or is another file, fails with
 * `stale`, and the host is told.
 */
export function folderFiles(path: string, options: FolderOptions = {}): FileSource {
  aText(path, 'path');
  checkOptions(options, theOptions);
  const { readOnly = false } = options;
  const whole = resolve(path);
  const make = (around: Surroundings) => new FolderFileSystem(whole, around, { readOnly });
  make({ device: 0n, now: () => 0n, note: () => {} }).dispose();
  return {
    create: make,
    restore(saved, around) {
      const system = make(around);
      system.restore(saved);
      return system;
    },
  };
}
