// The official tests of WASI preview 1, all of them in all ways; skipped where they are not (locate.ts says so loudly).

import { rmSync } from 'node:fs';
import test from 'ava';
import { findWasiSuite } from '../spec/locate.ts';
import { allWays, casesIn, copiesFolder, failuresOf } from './suite.ts';

const folder = findWasiSuite();
const copies = folder === undefined ? '' : copiesFolder();
if (folder !== undefined) test.after.always(() => rmSync(copies, { recursive: true, force: true }));

for (const [name, how] of allWays(copies))
  (folder === undefined ? test.skip : test.serial)(name, async (t) => {
    t.timeout(600_000, 'there are many');
    const cases = casesIn(folder as string);
    t.true(cases.length >= 72, `${cases.length} tests`);
    t.deepEqual(await failuresOf(cases, how), []);
  });
