// Real programs, with the glue that their packages come with, on wasbox instead of the host's `WebAssembly`.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import { findCorpus, programsOf } from '../spec/locate.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const corpus = findCorpus();

/** Each in a process of its own: it puts wasbox in the place of the global `WebAssembly`. */
async function run(corpus: string, program: string): Promise<string> {
  const namespace = join(root, 'src/js-api/index.ts');
  const args = ['--import=./test/tsx.mjs', join(corpus, 'run.mjs'), `--wa=${namespace}`, program];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root });
  return stdout;
}

const programs = corpus === undefined ? [] : programsOf(corpus);
for (const program of programs)
  test.serial(program, async (t) => {
    t.timeout(300_000);
    const told = await run(corpus as string, program);
    t.log(told.trim());
    t.regex(told, new RegExp(`^PASS ${program} `, 'm'));
  });

// A file without any test is an error.
if (programs.length === 0) test.skip('real programs', (t) => t.fail());
