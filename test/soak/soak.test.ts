// Nothing of what jobs leave behind stays, on the main thread and on the pool's threads: all kinds of jobs, again and
// again, and what is held in between. In a process of its own, for other tests take memory, too; `npm run soak` does the
// same for as long as you like.

import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import test from 'ava';

const main = fileURLToPath(new URL('./main.ts', import.meta.url));
const root = fileURLToPath(new URL('../../', import.meta.url));
/** So few modules are kept that threads have as many as they may from the beginning. */
const options = ['--jobs', '4500', '--samples', '8', '--modules', '6'];

test('memory is flat, whatever kinds of jobs come and go', async (t) => {
  const child = spawn(process.execPath, ['--import=./test/tsx.mjs', main, ...options], { cwd: root });
  const [out, errors, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise((resolve) => child.once('exit', resolve)),
  ]);
  t.log(out);
  t.is(code, 0, `${out}${errors}`);
  const lines = (pattern: RegExp) => out.split('\n').filter((line) => pattern.test(line)).length;
  t.true(lines(/^\d+ jobs, /) >= 8, out);
  t.is(lines(/^flat/), 13, out);
});
