// Assembles the guests of the examples: `npm run examples` writes each .wasm file anew, from the .wat file that tells
// what is in it. A test compares the two.

import { readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';

const root = fileURLToPath(new URL('.', import.meta.url));

/** Where a module goes: that of the page is among what is served. */
const targetOf = (folder: string, text: string): string =>
  join(root, folder, folder === 'browser' ? 'public' : '', `${basename(text, '.wat')}.wasm`);

/** The module of each guest, and its file. */
export async function guests(): Promise<{ target: string; bytes: Uint8Array }[]> {
  const files = (await readdir(root, { recursive: true })).filter((file) => file.endsWith('.wat')).sort();
  return Promise.all(
    files.map(async (file) => ({
      target: targetOf(file.split(/[\\/]/)[0] as string, file),
      bytes: await parse(await readFile(join(root, file), 'utf8')),
    })),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  for (const { target, bytes } of await guests()) await writeFile(target, bytes);
