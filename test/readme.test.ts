// The README's first command does what it says. What its examples do is in package.test.ts.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import { examples, preparation, promised } from './readme.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

test('there are examples of all that the README tells of, and each prints something', (t) => {
  t.is(examples.length, 10);
  t.deepEqual(
    examples.map((example) => promised(example).length),
    [2, 3, 4, 3, 2, 2, 3, 2, 3, 1],
  );
  t.is(preparation[0], 'npm install wasbox');
});

test('the demo suspends and moves every job often enough, and all its answers are right', async (t) => {
  const flags = ['--import=./test/tsx.mjs', 'bench/demo/main.ts'];
  const { stdout } = await promisify(execFile)(process.execPath, flags, { cwd: root });
  t.regex(stdout, /^All \d+ answers are right/m);
});
