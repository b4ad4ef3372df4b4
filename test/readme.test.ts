// The examples of the README do what it says, and so does its first command.

import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import test from 'ava';

const root = fileURLToPath(new URL('..', import.meta.url));
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const examples = [...readme.matchAll(/```js\n([\s\S]*?)```/g)].map((match) => match[1] as string);

const fib = `(module (func $fib (export "fib") (param i32) (result i32)
  (if (result i32) (i32.lt_s (local.get 0) (i32.const 2))
    (then (local.get 0))
    (else (i32.add
      (call $fib (i32.sub (local.get 0) (i32.const 1)))
      (call $fib (i32.sub (local.get 0) (i32.const 2))))))))`;

/** What the comments of an example's `console.log` lines say that it prints. */
const promised = (example: string): string[] =>
  [...example.matchAll(/console\.log\(.*\);\s*\/\/ (.*)$/gm)].flatMap((match) =>
    (match[1] as string).split(/, (?=\[)/),
  );

test('there is an example of the core and one of the pool', (t) => {
  t.is(examples.length, 2);
});

for (const [i, example] of examples.entries())
  test(`example ${i + 1} prints what it says`, async (t) => {
    t.true(existsSync(join(root, 'dist/src/index.js')), 'build first: npm run build');
    const folder = mkdtempSync(join(root, 'test/.readme-'));
    try {
      writeFileSync(join(folder, 'fib.wasm'), await parse(fib));
      writeFileSync(join(folder, 'example.ts'), example);
      const flags = ['--import', join(root, 'test/tsx.mjs'), 'example.ts'];
      const out = execFileSync(process.execPath, flags, { cwd: folder, encoding: 'utf8' });
      t.deepEqual(out.trim().split('\n'), promised(example));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

test('the demo suspends and moves every job often enough, and all its answers are right', async (t) => {
  const flags = ['--import=./test/tsx.mjs', 'bench/demo/main.ts'];
  const { stdout } = await promisify(execFile)(process.execPath, flags, { cwd: root });
  t.regex(stdout, /^All \d+ answers are right/m);
});
