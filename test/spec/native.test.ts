// The suite on native code, beside a twin that is interpreted. What native code does not support is interpreted in both.

import { heat } from '../../src/vm/heat.ts';
import { files } from './files.ts';
import { runFile } from './run/runner.ts';
import { suiteTest } from './run/suite-test.ts';

Object.assign(heat, { least: 0, perByte: 0 });

for (const [file, assertions] of files)
  suiteTest(`native: ${file}`, async (t) => {
    const report = await runFile(file, 'whole', ['auto']);
    t.deepEqual(report.failures, []);
    t.is(report.assertions, assertions);
  });
