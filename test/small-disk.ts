// A disk of 64 KiB, which is there for one command: it is mounted at a folder in a namespace that ends with the command.
// Where this user may not do so, tests that need it are skipped, and that is said loudly.

import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import test from 'ava';

/** The command that runs another one with a small disk at `path`. */
export const onSmallDisk = (path: string, ...command: string[]): [file: string, args: string[]] => [
  'unshare',
  ['-rm', 'sh', '-c', 'mount -t tmpfs -o size=64k none "$0" && exec "$@"', path, ...command],
];

const possible = spawnSync(...onSmallDisk(tmpdir(), 'true')).status === 0;
if (!possible) console.warn('NO SMALL DISK: this user may not mount one, even for itself. Full disks are not tested.');

/** A test with such a disk. */
export const withSmallDisk = possible ? test : test.skip;
