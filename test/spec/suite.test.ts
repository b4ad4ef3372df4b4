// The WebAssembly test suite, each call run at once: every assertion of every file that the VM has the features for.

import test from 'ava';
import { files, left } from './files.ts';
import { scripts, testsuite } from './locate.ts';
import { runFile } from './runner.ts';

const suite = testsuite === undefined ? test.skip : test;

for (const [file, assertions] of files)
  suite(file, async (t) => {
    const report = await runFile(file);
    t.deepEqual(report.failures, []);
    t.is(report.assertions, assertions);
  });

suite('the list names every file of the suite once', (t) => {
  const found = scripts().filter((file) => !left.some((folder) => file.startsWith(folder)));
  const listed = files.map(([file]) => file);
  t.deepEqual(listed.sort(), found);
});
