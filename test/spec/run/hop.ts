// The hop test: the suite again, while the VM is saved, thrown away and restored from bytes over and over in each call,
// beside a twin that is left in peace. How often, pace.ts says.

import type { EngineName } from '../../../src/vm/engines.ts';
import { files } from '../files.ts';
import { type Mode, runFile } from './runner.ts';
import { suiteTest } from './suite-test.ts';

/** Declares a test for each file of one part: every `of`th, from `part` on. */
export function declareHops(mode: Mode, part = 0, of = 1, engines?: readonly EngineName[]): void {
  const own = files.filter((_, i) => i % of === part);
  for (const [file, assertions] of own)
    suiteTest(`${mode}: ${file}`, async (t) => {
      const report = await runFile(file, mode, engines);
      t.deepEqual(report.failures, []);
      t.is(report.assertions, assertions);
      t.true(report.hops > 0 || !acts(report.counts));
    });
}

/** Does the script run any code of the guest? */
const acts = ({ assert_return, assert_trap, action }: { [K in string]?: number }): boolean =>
  (assert_return ?? 0) + (assert_trap ?? 0) + (action ?? 0) > 0;
