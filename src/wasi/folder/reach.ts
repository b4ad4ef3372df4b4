// How the entries of a directory are reached without anybody being able to put something else in their way. Node has none
// of the calls that are relative to an open directory. On Linux /proc/self/fd/N names what is open at N, wherever it was
// moved to, so /proc/self/fd/N/name is an entry of that very directory. Elsewhere there are only paths, which are checked
// before and after they are used: whoever renames directories at the right moment can make a call act on an entry outside,
// and it fails then, but it has acted.

import * as fs from 'node:fs';
import { dirname, join } from 'node:path';
import { fail } from '../errno.ts';
import { call, checkName } from './host.ts';

/** Something of the host that was found. */
export interface Found {
  /** What is open for it: on Linux always something, elsewhere files that were opened. */
  fd: number | undefined;
  /** Where it was found; on Linux of no use. */
  readonly path: string;
  readonly stat: fs.BigIntStats;
}

export interface Reach {
  /** Whether directories are open. */
  readonly keepsOpen: boolean;
  root(path: string): Found;
  /** What has this name in a directory; links are not followed. */
  find(dir: Found, name: string): Found;
  /** Acts on an entry of a directory by a path. */
  entry<T>(dir: Found, name: string, act: (path: string) => T): T;
  /** Acts on what was found by a path; a link is not followed. */
  self<T>(found: Found, act: (path: string) => T): T;
  /** Where it is now, from the root on; undefined if it has no name there any more. */
  pathOf(root: Found, found: Found): string | undefined;
}

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
/** Opens no more than the place: nothing of what is there, no pipe and no device. Node does not name it. */
const O_PATH = 0o10000000;

/** Flags that keep opening a file from following a link, and from waiting, where the host has them. */
export const openFlags = (O_NOFOLLOW ?? 0) | (O_NONBLOCK ?? 0);

export const isSame = (a: fs.BigIntStats, b: fs.BigIntStats): boolean => a.ino === b.ino && a.dev === b.dev;

const descriptor = (fd: number): string => `/proc/self/fd/${fd}`;

const byDescriptor: Reach = {
  keepsOpen: true,
  root: (path) => opened(path, O_PATH | O_DIRECTORY),
  find: (dir, name) => byDescriptor.entry(dir, name, (path) => opened(path, O_PATH | O_NOFOLLOW)),
  entry(dir, name, act) {
    checkName(name);
    return call(() => act(`${descriptor(dir.fd as number)}/${name}`));
  },
  self: ({ fd }, act) => call(() => act(descriptor(fd as number))),
  pathOf(root, { fd }) {
    const [base, path] = [root.fd, fd].map((each) => fs.readlinkSync(descriptor(each as number)));
    return below(base as string, path as string);
  },
};

function opened(path: string, flags: number): Found {
  const fd = call(() => fs.openSync(path, flags));
  try {
    return { fd, path, stat: call(() => fs.fstatSync(fd, { bigint: true })) };
  } catch (thrown) {
    fs.closeSync(fd);
    throw thrown;
  }
}

function below(base: string, path: string): string | undefined {
  if (path === base) return '';
  const start = base.endsWith('/') ? base : `${base}/`;
  return path.startsWith(start) ? path.slice(start.length) : undefined;
}

const byPath: Reach = {
  keepsOpen: false,
  root(path) {
    const real = call(() => fs.realpathSync(path));
    const stat = call(() => fs.statSync(real, { bigint: true }));
    if (!stat.isDirectory()) fail('notdir');
    return { fd: undefined, path: real, stat };
  },
  find: (dir, name) =>
    byPath.entry(dir, name, (path) => ({ fd: undefined, path, stat: fs.lstatSync(path, { bigint: true }) })),
  entry(dir, name, act) {
    checkName(name);
    checkPlace(dir);
    const answer = call(() => act(join(dir.path, name)));
    checkPlace(dir);
    return answer;
  },
  self(found, act) {
    checkPlace(found);
    return call(() => act(found.path));
  },
  pathOf(root, found) {
    const path = below(root.path, found.path);
    return process.platform === 'win32' ? path?.replaceAll('\\', '/') : path;
  },
};

/** Whether what was found is still there, and no link leads to it. */
function checkPlace({ path, stat }: Found): void {
  const now = call(() => fs.lstatSync(path, { bigint: true }));
  const above = dirname(path);
  if (!isSame(now, stat) || call(() => fs.realpathSync(above)) !== above) fail('stale');
}

/** Whether /proc tells what this process has open. */
function hasDescriptors(): boolean {
  if (process.platform !== 'linux') return false;
  try {
    const fd = fs.openSync('/', O_RDONLY);
    try {
      return isSame(fs.statSync(descriptor(fd), { bigint: true }), fs.fstatSync(fd, { bigint: true }));
    } finally {
      fs.closeSync(fd);
    }
  } catch {
    return false;
  }
}

let best: Reach | undefined;
/** The surest that the host has. */
export function bestReach(): Reach {
  best ??= hasDescriptors() ? byDescriptor : byPath;
  return best;
}

/** For tests: what hosts other than Linux have. */
export const reachByPath = byPath;
