// The suite on native code, beside a twin that is interpreted: at once, and going from one engine to the other at each
// hop. What native code does not support is interpreted in both.

import test from 'ava';
import { files } from './files.ts';
import { testsuite } from './locate.ts';
import { runFile } from './runner.ts';

const suite = testsuite === undefined ? test.skip : test;

/**
 * Exhausts the stack's bytes. The interpreter looks at them before each call and native code when it is left, so that they
 * stop at different calls.
 */
const apart: ReadonlySet<string> = new Set(['skip-stack-guard-page.wast']);

for (const [file, assertions] of files.filter(([file]) => !apart.has(file)))
  suite(`native: ${file}`, async (t) => {
    const report = await runFile(file, 'whole', ['mixed']);
    t.deepEqual(report.failures, []);
    t.is(report.assertions, assertions);
  });
