// The suite on engines that mix: each second function of a module is native code, as far as it can be, and the others are
// interpreted.

import { choice } from '../../../src/rewrite/read/support.ts';
import { heat } from '../../../src/vm/heat.ts';
import { trial } from '../../../src/vm/trial.ts';
import { files } from '../files.ts';
import type { Mode } from './pace.ts';
import { runFile } from './runner.ts';
import { suiteTest } from './suite-test.ts';

/** Declares a test for each file, beside a twin that is interpreted. `rest`: of the index of a native function by two. */
export function declareMixed(rest: 0 | 1, mode: Mode = 'whole', part = 0, of = 1): void {
  Object.assign(heat, { least: 0, perByte: 0 });
  Object.assign(trial, { mostInterpreted: 1, perCrossing: 0, least: Number.POSITIVE_INFINITY });
  choice.isNative = (_, func) => func % 2 === rest;
  for (const [file, assertions] of files.filter((_, i) => i % of === part))
    suiteTest(`mixed: ${file}`, async (t) => {
      const report = await runFile(file, mode, mode === 'whole' ? ['auto'] : ['interpreter', 'auto']);
      t.deepEqual(report.failures, []);
      t.is(report.assertions, assertions);
    });
}
