// The official tests of preview 1 as a table: `npm run wasi-suite -- FOLDER`, the checkout of their branch. Each is run on
// both engines, and again saved and restored at every host call; with its files in memory, and in a folder.

import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { folderFiles } from '../../src/wasi/node/index.ts';
import { type Case, casesIn, failureOf, type How, inMemory } from './suite.ts';

const scratch = mkdtempSync(join(tmpdir(), 'wasbox-wasi-'));

/** A copy of the folder: tests write to it. */
function inFolder(folder: string) {
  const copy = mkdtempSync(join(scratch, 'test-'));
  cpSync(folder, copy, { recursive: true });
  return folderFiles(copy);
}

const ways: readonly How[] = [inMemory, inFolder].flatMap((files) =>
  [false, true].flatMap((hopping) =>
    (['interpreter', 'native'] as const).map((engine) => ({ engine, hopping, files })),
  ),
);
const told = ({ engine, hopping, files }: How) =>
  `${engine}, files ${files === inMemory ? 'in memory' : 'in a folder'}${hopping ? ', hopping' : ''}`;

async function passes(test: Case, how: How): Promise<boolean> {
  const failure = await failureOf(test, how).catch((error: unknown) => String(error));
  if (failure !== undefined) console.log(`${told(how)}: ${test.name}: ${failure}`);
  return failure === undefined;
}

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('which folder has the tests? npm run wasi-suite -- FOLDER');
const cases = casesIn(folder);
try {
  for (const how of ways) {
    let passed = 0;
    for (const test of cases) if (await passes(test, how)) passed++;
    console.log(`${told(how)}: ${passed} of ${cases.length}`);
    if (passed < cases.length || passed === 0) process.exitCode = 1;
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
