// QuickJS as the package `quickjs-wasi` has it.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { JavaScript } from '../javascript.ts';

let ours: JavaScript | undefined;

/** QuickJS as the package `quickjs-wasi` has it, of this thread. */
export function quickjs(): JavaScript {
  ours ??= JavaScript.from(readFileSync(createRequire(import.meta.url).resolve('quickjs-wasi/quickjs.wasm')));
  return ours;
}
