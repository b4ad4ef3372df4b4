// Where accesses of SIMD trap that are out of bounds, natively as interpreted. V8 11 tells some of them at the place of other code once
// its optimizing compiler has had them (findings/simd-loads-trap-elsewhere), so each is tried in a process that has no other compiler.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import test from 'ava';

const program = fileURLToPath(new URL('simd-places.ts', import.meta.url));
const register = new URL('../tsx.mjs', import.meta.url).href;

for (const compiler of ['--no-liftoff', '--liftoff'])
  test(`accesses of SIMD trap where they stand: ${compiler}`, (t) => {
    const { stdout, stderr, status } = spawnSync(process.execPath, [compiler, `--import=${register}`, program], {
      encoding: 'utf8',
    });
    t.is(status, 0, stderr);
    const rows = JSON.parse(stdout) as { op: string; interpreted: unknown; native: unknown }[];
    t.is(rows.length, 23);
    for (const { op, interpreted, native } of rows) t.deepEqual(native, interpreted, op);
  });
