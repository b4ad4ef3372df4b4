// How much V8 bytecode the interpreter's loop is. V8 optimises no function above 61,440 bytes of it.

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const v8Limit = 61_440;
/** What we allow: compilers differ a little in what they make of the source. */
export const mostBytecode = v8Limit - 1_000;

/** Bytes of the loop's bytecode, as V8 reports it for a run of the loop. */
export function bytecodeLength(): number {
  const script = fileURLToPath(new URL('bytecode-run.ts', import.meta.url));
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const flags = ['--import', 'tsx', '--print-bytecode', '--print-bytecode-filter=loop'];
  const out = execFileSync(process.execPath, [...flags, script], { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 28 });
  const length = Math.max(...[...out.matchAll(/Bytecode length: (\d+)/g)].map((match) => Number(match[1])));
  if (length < 10_000) throw new Error('V8 did not print the bytecode of the loop');
  return length;
}
