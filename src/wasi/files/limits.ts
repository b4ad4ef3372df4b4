// What a file system in memory may hold.

import { aCount, type Checks } from '../../spec/options.ts';

/** How much may be in a file system in memory. */
export interface FileLimits {
  /** Bytes of all files, in pages of 4 KiB, and of what it takes to keep track of them. */
  readonly bytes: number;
  /** Files, directories and links. */
  readonly nodes: number;
  /** Directories within each other. */
  readonly depth: number;
}

export const defaultFileLimits: FileLimits = {
  bytes: 1024 ** 3,
  nodes: 250_000,
  depth: 256,
};

export const fileLimitChecks: Checks<FileLimits> = { bytes: aCount, nodes: aCount, depth: aCount };
