// The suite on native code, beside a twin that is interpreted. What native code does not support is interpreted in both.

import test from 'ava';
import { files } from './files.ts';
import { testsuite } from './locate.ts';
import { runFile } from './runner.ts';

const suite = testsuite === undefined ? test.skip : test;

for (const [file, assertions] of files)
  suite(`native: ${file}`, async (t) => {
    const report = await runFile(file, 'whole', ['mixed']);
    t.deepEqual(report.failures, []);
    t.is(report.assertions, assertions);
  });
