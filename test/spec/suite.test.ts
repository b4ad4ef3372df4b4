// The WebAssembly test suite, each call run at once: every assertion of every file that the VM has the features for.

import { files, left } from './files.ts';
import { scripts } from './locate.ts';
import { runFile } from './run/runner.ts';
import { suiteTest } from './run/suite-test.ts';

for (const [file, assertions] of files)
  suiteTest(file, async (t) => {
    const report = await runFile(file);
    t.deepEqual(report.failures, []);
    t.is(report.assertions, assertions);
  });

suiteTest('the list names every file of the suite once', (t) => {
  const found = scripts().filter((file) => !left.some((folder) => file.startsWith(folder)));
  const listed = files.map(([file]) => file);
  t.deepEqual(listed.sort(), found);
});
