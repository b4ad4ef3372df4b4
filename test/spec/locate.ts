// Finds the test suites and the corpus of real programs, which are no part of this repository.

import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The WebAssembly test suite's folder: `WASBOX_TESTSUITE`, else beside the checkout. Undefined if there is none. */
export const testsuite = locate('WASBOX_TESTSUITE', 'testsuite', 'the WebAssembly test suite');
/** The folder of real programs with their checks: `WASBOX_CORPUS`, else beside the checkout. Undefined as well. */
export const findCorpus = () => locate('WASBOX_CORPUS', 'corpus', 'the corpus of real programs');
/** The official tests of WASI, branch `prod/testsuite-base`: `WASBOX_WASI_TESTSUITE`, else beside the checkout. */
export const findWasiSuite = () => locate('WASBOX_WASI_TESTSUITE', 'wasi-testsuite', 'the test suite of WASI');

const driver = '.driver.mjs';

/** The names of the corpus's programs, sorted. */
export const programsOf = (corpus: string): string[] =>
  readdirSync(corpus)
    .filter((file) => file.endsWith(driver))
    .map((file) => file.slice(0, -driver.length))
    .sort();

function locate(variable: string, folder: string, what: string): string | undefined {
  const path = resolve(process.env[variable] ?? join(root, '..', 'shared', folder));
  if (existsSync(path)) return path;
  console.warn(`\n*** ${what} is not at ${path}: ITS TESTS ARE SKIPPED. Set ${variable} to its folder. ***\n`);
  return undefined;
}

/** All .wast files of the suite, by path relative to it, sorted; none without the suite. */
export function scripts(): string[] {
  if (testsuite === undefined) return [];
  const names = readdirSync(testsuite, { recursive: true, encoding: 'utf8' });
  return names
    .filter((name) => name.endsWith('.wast'))
    .map((name) => name.replaceAll('\\', '/'))
    .sort();
}
