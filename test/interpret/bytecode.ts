// How much V8 bytecode the interpreter's loop is. V8 optimises no function above 61,440 bytes of it.

import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const v8Limit = 61_440;
/** What we allow: compilers differ a little in what they make of the source. */
export const mostBytecode = v8Limit - 1_000;

/** The loop's bytecode, as V8 prints it for a run of the loop. It prints to a file: a pipe would lose some. */
export function printedBytecode(): string {
  const folder = mkdtempSync(join(tmpdir(), 'wasbox-bytecode-'));
  const file = join(folder, 'out.txt');
  try {
    const out = openSync(file, 'w');
    const root = fileURLToPath(new URL('../..', import.meta.url));
    const flags = ['--import', 'tsx', '--print-bytecode', '--print-bytecode-filter=loop'];
    const script = fileURLToPath(new URL('bytecode-run.ts', import.meta.url));
    execFileSync(process.execPath, [...flags, script], { cwd: root, stdio: ['ignore', out, 'inherit'] });
    closeSync(out);
    return readFileSync(file, 'utf8');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Bytes of the largest function that is printed, which is the loop. */
export const bytecodeLength = (text = printedBytecode()): number =>
  Math.max(...[...text.matchAll(/Bytecode length: (\d+)/g)].map(([, length]) => Number(length)));
