// Files in memory, as a host configures them.

import { UsageError } from '../../../spec/errors.ts';
import { check, optionsOf, theOptions } from '../../../spec/options.ts';
import { ErrnoError } from '../../errno.ts';
import { defaultFileLimits, type FileLimits, fileLimitChecks } from '../limits.ts';
import { type Contents, populate } from '../tree.ts';
import type { FileSource, SavedFiles, Surroundings } from '../types.ts';
import { MemoryFileSystem } from './system.ts';

/** What files in memory are made with. */
export interface MemoryFilesOptions {
  /** What is there to begin with: nothing, unless told. Its pages are shared by all VMs until they write to them. */
  readonly contents?: Contents | undefined;
  /** Defaults are 1 GiB, 250,000 nodes, and directories 256 deep. */
  readonly limits?: Partial<FileLimits> | undefined;
  /** Nanoseconds since 1970 that the first contents were changed at; 0 unless told. */
  readonly time?: bigint | undefined;
}

export const aTime = check((v: unknown) => typeof v === 'bigint' && v >= 0n && v < 2n ** 64n, 'a bigint of 64 bits');
export const someContents = check((v: unknown) => Object(v) === v, 'an object or a map of files');

const checkOptions = optionsOf<MemoryFilesOptions>({
  contents: someContents,
  limits: optionsOf<Partial<FileLimits>>(fileLimitChecks),
  time: aTime,
});

/**
 * Files that are part of the VM: they are saved and moved with it. Reading them does not change when they were accessed
 * last. Throws UsageError where the contents cannot be made or are more than the limits allow.
 */
export function memoryFiles(options: MemoryFilesOptions = {}): FileSource {
  checkOptions(options, theOptions);
  const limits = { ...defaultFileLimits, ...options.limits };
  const first = saveContents(options.contents ?? {}, limits, options.time);
  return {
    create: (around) => new MemoryFileSystem(around, { limits, saved: first }),
    restore: (saved, around) => new MemoryFileSystem(around, { limits, saved }),
  };
}

/** Contents as a file system that has nothing but them. */
export function saveContents(contents: Contents, limits: FileLimits, time = 0n): SavedFiles {
  const around: Surroundings = { device: 0n, now: () => time, note: () => {} };
  const system = emptySystem(around, limits);
  populate(system.root, contents, time);
  return system.save();
}

/** Throws UsageError where not even a directory fits. */
function emptySystem(around: Surroundings, limits: FileLimits): MemoryFileSystem {
  try {
    return new MemoryFileSystem(around, { limits });
  } catch (thrown) {
    if (!(thrown instanceof ErrnoError)) throw thrown;
    throw new UsageError(`the limits leave no room for a directory: ${thrown.errno}`, { cause: thrown });
  }
}
