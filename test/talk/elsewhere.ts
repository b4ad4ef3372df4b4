// A ring (ring.ts), or a chorus (chorus.ts), that goes on in a process of its own.

import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Engine } from './world.ts';

/** What the script prints there of a group that was saved. */
export async function ranElsewhere(bytes: Uint8Array, engine: Engine, name = 'ring.ts'): Promise<unknown> {
  const folder = await mkdtemp(join(tmpdir(), 'wasbox-'));
  try {
    const file = join(folder, 'ring');
    await writeFile(file, bytes);
    const script = fileURLToPath(new URL(name, import.meta.url));
    const loader = new URL('../tsx.mjs', import.meta.url).href;
    const { stdout } = await promisify(execFile)(process.execPath, [`--import=${loader}`, script, file, engine]);
    return JSON.parse(stdout);
  } finally {
    await rm(folder, { recursive: true });
  }
}
