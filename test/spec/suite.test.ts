// The WebAssembly test suite, each call run at once: every assertion of every file that the VM has the features for.

import test from 'ava';
import { groups, left, readyFiles } from './files.ts';
import { scripts, testsuite } from './locate.ts';
import { runFile } from './runner.ts';

const suite = testsuite === undefined ? test.skip : test;

for (const [file, assertions] of readyFiles)
  suite(file, async (t) => {
    const report = await runFile(file);
    t.deepEqual(report.failures, []);
    t.is(report.assertions, assertions);
  });

suite('the list names every file of the suite once', (t) => {
  const found = scripts().filter((file) => !left.some((folder) => file.startsWith(folder)));
  const listed = Object.values(groups).flatMap((files) => Object.keys(files));
  t.deepEqual(listed.sort(), found);
});
