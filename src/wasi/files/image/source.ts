// Files that nobody can change. They are no state: a snapshot only says which image it was, by a hash of all that is in it,
// and whoever restores it gives the image again.

import { concatBytes } from '@noble/hashes/utils.js';
import { hashOf } from '../../../runtime/beneath/sha256.ts';
import { bad } from '../../../snapshot/data/form.ts';
import { optionsOf, theOptions } from '../../../spec/options.ts';
import { defaultFileLimits } from '../limits.ts';
import { aTime, saveContents, someContents } from '../memory/source.ts';
import { MemoryFileSystem } from '../memory/system.ts';
import type { Contents } from '../tree.ts';
import type { FileSource, FileSystem, SavedFiles, Surroundings } from '../types.ts';

/** What an image is made with, besides its contents. */
export interface ImageOptions {
  /** Nanoseconds since 1970 that all of it was changed at; 0 unless told. */
  readonly time?: bigint | undefined;
}

const checkOptions = optionsOf<ImageOptions>({ time: aTime });

/** Nothing bounds an image but the host, which gave it. */
const limits = { ...defaultFileLimits, bytes: Infinity, nodes: Infinity };

/**
 * Read-only files, whose bytes all VMs share that have them. Writing fails with `rofs`. Throws UsageError where the
 * contents cannot be made.
 */
export function imageFiles(contents: Contents, options: ImageOptions = {}): FileSource {
  someContents(contents, 'contents');
  checkOptions(options, theOptions);
  return imageOf(saveContents(contents, limits, options.time));
}

export function imageOf(files: SavedFiles): FileSource {
  let hash: string | undefined;
  const identity = () => {
    hash ??= hashFiles(files);
    return hash;
  };
  const create = (around: Surroundings): FileSystem => new Image(around, files, identity);
  return {
    create,
    restore(saved, around) {
      const { kind, hash: wanted } = (saved.data ?? {}) as { kind?: unknown; hash?: unknown };
      if (kind !== 'image') bad('not an image of files', 'files');
      if (wanted !== identity()) bad('the image of files is another one than when this was saved', 'files');
      return create(around);
    },
  };
}

/** Equal contents in the same order give equal pages, in whatever blocks. */
function hashFiles({ blocks }: SavedFiles): string {
  return hashOf(concatBytes(...blocks));
}

class Image extends MemoryFileSystem {
  constructor(
    around: Surroundings,
    saved: SavedFiles,
    private readonly identity: () => string,
  ) {
    super(around, { limits, readOnly: true, saved });
  }

  override save(): SavedFiles {
    return { data: { kind: 'image', hash: this.identity() }, blocks: [] };
  }

  override send(): SavedFiles {
    return this.save();
  }
}
