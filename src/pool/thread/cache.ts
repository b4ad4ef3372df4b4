// A folder of rewritten modules, and of what is known of modules. It is a help and no more: what cannot be read or written is made again each time. Code that is
// kept runs as it is, so only files are read that this user or the system's has written and nobody else can change; what is
// in them says of which module it is. Any number of threads and processes share a folder, and none waits for another.

import {
  closeSync,
  constants,
  fstatSync,
  futimesSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';
import type { CodeCache } from '../../rewrite/module/code-cache.ts';
import { attempt } from '../../spec/told.ts';
import { isSafe, makeFolder, privately } from '../../store/disk/look.ts';
import { bounds } from '../line/bounds.ts';

export const fileCache = (folder: string): CodeCache => ({
  get: (key) => attempt(() => read(join(folder, key)), undefined),
  set: (key, bytes) => attempt(() => write(folder, key, bytes), undefined),
});

/** Nobody else may look into what is made here. */
const ownFile = 0o600;

/** Not waiting for whoever writes, where somebody has put a pipe there. */
const reading = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

function read(path: string): Uint8Array | undefined {
  const file = openSync(path, reading);
  try {
    const stats = fstatSync(file);
    if (!stats.isFile() || !isSafe(stats)) return undefined;
    const bytes = readFileSync(file);
    // Used now; one that is the system's stays as old as it is.
    const now = Date.now() / 1000;
    attempt(() => futimesSync(file, now, now), undefined);
    return bytes;
  } finally {
    closeSync(file);
  }
}

/** Another process or thread never sees half of a file. */
function write(folder: string, key: string, bytes: Uint8Array): void {
  if (bytes.length > bounds.cacheFolder) return;
  makeFolder(folder, privately);
  const draft = join(folder, `${key}.${process.pid}.${threadId}`);
  try {
    writeFileSync(draft, bytes, { mode: ownFile });
    renameSync(draft, join(folder, key));
  } catch (error) {
    attempt(() => unlinkSync(draft), undefined);
    throw error;
  }
  sweep(folder);
}

/** As `write` calls files; whatever else is in the folder is somebody else's. */
const ours = /^[0-9a-f]{64}-\d+-(?:shared|plain|valid)(\.\d+\.\d+)?$/;
/** So old a draft is that nobody finishes any more, in ms. */
const oldDraftMs = 3_600_000;

interface Entry {
  readonly path: string;
  readonly size: number;
  readonly usedAt: number;
}

/** Removes what was not used for the longest, until the rest is within the bound; and drafts of who was ended meanwhile. */
function sweep(folder: string): void {
  const entries: Entry[] = [];
  for (const name of readdirSync(folder)) {
    const match = ours.exec(name);
    const path = join(folder, name);
    const stats = match === null ? undefined : attempt(() => statSync(path), undefined);
    if (stats === undefined) continue;
    if (match?.[1] === undefined)
      entries.push({ path, size: Math.max(bounds.leastFile, stats.size), usedAt: stats.mtimeMs });
    else if (Date.now() - stats.mtimeMs > oldDraftMs) attempt(() => unlinkSync(path), undefined);
  }
  let sum = entries.reduce((sum, { size }) => sum + size, 0);
  for (const { path, size } of entries.sort((a, b) => a.usedAt - b.usedAt)) {
    if (sum <= bounds.cacheFolder) return;
    attempt(() => unlinkSync(path), undefined);
    sum -= size;
  }
}
