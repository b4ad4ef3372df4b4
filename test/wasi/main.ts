// The official tests of preview 1 as a table: `npm run wasi-suite -- FOLDER`, the checkout of their branch. Each is run on
// both engines, and again saved and restored at every host call; with its files in memory, and in a folder.

import { rmSync } from 'node:fs';
import { allWays, casesIn, copiesFolder, failuresOf } from './suite.ts';

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('which folder has the tests? npm run wasi-suite -- FOLDER');
const cases = casesIn(folder);
const copies = copiesFolder();
try {
  for (const [name, how] of allWays(copies)) {
    const failures = await failuresOf(cases, how);
    for (const failure of failures) console.log(`${name}: ${failure}`);
    console.log(`${name}: ${cases.length - failures.length} of ${cases.length}`);
    if (failures.length > 0 || cases.length === 0) process.exitCode = 1;
  }
} finally {
  rmSync(copies, { recursive: true, force: true });
}
