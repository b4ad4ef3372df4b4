// Where programs run, for tests of what must be the same everywhere. Whoever loads this has a pool of two threads.

import type { ResumeOptions, RunOptions } from '../../src/javascript/index.ts';
import { quickjs, resume, run } from '../../src/javascript/node/index.ts';
import { Pool } from '../../src/pool/index.ts';
import { engines, js } from './programs.ts';

/** It keeps no process alive. */
const pool = new Pool({ threads: 2 });
const onPool = {
  run: (code: string, options?: RunOptions) => run(code, { ...options, pool }),
  resume: (token: Uint8Array, options?: ResumeOptions) => resume(token, { ...options, pool }),
};
/** As programs do that begin on this thread where many are there. */
const onMany = {
  run: (code: string, options?: RunOptions) => run(code, { ...options, pool: quickjs().turns }),
  resume: (token: Uint8Array, options?: ResumeOptions) => resume(token, { ...options, pool: quickjs().turns }),
};
/** Where programs run: on each engine, in this thread, alone and as one of many, and on those of a pool. */
export const places = engines.flatMap((engine) => [
  { where: engine as string, engine, js: js as typeof onPool },
  { where: `${engine}, one of many`, engine, js: onMany },
  { where: `${engine} on a pool`, engine, js: onPool },
]);
