// The official tests of preview 1 as a table: `npm run wasi-suite -- FOLDER`, the checkout of their branch.

import { casesIn, failureOf, type How, inMemory } from './suite.ts';

const ways: Readonly<Record<string, How>> = {
  interpreter: { engine: 'interpreter', hopping: false, files: inMemory },
  native: { engine: 'native', hopping: false, files: inMemory },
  'interpreter, hopping': { engine: 'interpreter', hopping: true, files: inMemory },
  'native, hopping': { engine: 'native', hopping: true, files: inMemory },
};

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('which folder has the tests? npm run wasi-suite -- FOLDER');
const cases = casesIn(folder);
for (const [name, how] of Object.entries(ways)) {
  let passed = 0;
  for (const test of cases) {
    const failure = await failureOf(test, how).catch((error: unknown) => String(error));
    if (failure === undefined) passed++;
    else console.log(`${name}: ${test.name}: ${failure}`);
  }
  console.log(`${name}: ${passed} of ${cases.length}`);
  if (passed < cases.length || passed === 0) process.exitCode = 1;
}
