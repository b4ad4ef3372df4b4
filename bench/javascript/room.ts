// What sandboxes add to a process that have run code and stay: KiB each. `roomOf` has a process of its own for each of them,
// which this file is, too: its argument is the sandbox's name, and it prints the figure.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gc } from '../../test/gc.ts';
import { type Sandbox, sandboxes, snippet } from './sandboxes.ts';

export const keptAtOnce = 100;

const self = fileURLToPath(import.meta.url);

export async function roomOf({ name }: Sandbox): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [...process.execArgv, self, name]);
  return stdout.trim();
}

/** Bytes of the process that are in use. */
export function used(): number {
  gc();
  return process.memoryUsage().rss;
}

async function measure({ keep }: Sandbox): Promise<number> {
  const ends = [await keep(snippet)];
  const before = used();
  for (let i = 0; i < keptAtOnce; i++) ends.push(await keep(snippet));
  const each = (used() - before) / keptAtOnce / 1024;
  for (const end of ends) end();
  return each;
}

if (process.argv[1] === self) {
  const sandbox = (await sandboxes()).find(({ name }) => name === process.argv[2]);
  if (sandbox === undefined) throw new Error(`no sandbox ${process.argv[2]}`);
  console.log((await measure(sandbox)).toFixed(0));
}
