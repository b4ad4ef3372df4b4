// What npm would publish, installed into an empty folder and used from there as a stranger would.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import { assembleText } from './spec/assemble.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const run = promisify(execFile);

/** Settings of an npm that runs us (`npm test`) must not reach the one that we run. */
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^npm_(package|lifecycle|config_local_prefix)/i.test(name)),
);
const npm = (args: string[], cwd: string) => run('npm', args, { cwd, env, shell: process.platform === 'win32' });

const program = `
  import { Module, VM } from 'wasbox';
  import { Pool } from 'wasbox/pool';

  const bytes = Uint8Array.from(JSON.parse(process.argv[1]));
  const module = Module.from(bytes);
  const vm = new VM();
  vm.start(vm.instantiate(module, {}).func('add'), [2, 3]);
  const outcome = vm.run();
  const pool = new Pool({ threads: 1 });
  const result = await pool.submit({ module, export: 'add', args: [20, 30] }).result;
  await pool.close();
  console.log(JSON.stringify({ outcome, result }));
`;

test.serial('the package installs and works in an empty folder', async (t) => {
  t.timeout(300_000, 'npm install may be slow');
  t.true(existsSync(join(root, 'dist/src/index.js')), 'npm run build comes first');
  const folder = await mkdtemp(join(tmpdir(), 'wasbox-package-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));

  // Without scripts, since `prepack` builds anew while other tests read dist.
  await npm(['pack', '--ignore-scripts', '--pack-destination', folder], root);
  const [tarball] = await readdir(folder);
  t.regex(tarball ?? '', /^wasbox-.*\.tgz$/);

  await writeFile(join(folder, 'package.json'), '{ "private": true }');
  await npm(['install', '--prefer-offline', '--no-audit', '--no-fund', `./${tarball}`], folder);

  const installed = await readdir(join(folder, 'node_modules/wasbox'));
  t.deepEqual(installed.sort(), ['LICENSE', 'README.md', 'dist', 'package.json']);

  const add = '(module (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add))';
  const bytes = JSON.stringify([...(await assembleText(add))]);
  const used = await run(process.execPath, ['--input-type=module', '-e', program, bytes], { cwd: folder, env });
  t.deepEqual(JSON.parse(used.stdout), { outcome: { status: 'returned', values: [5] }, result: [50] });

  const help = await npm(['exec', '--offline', '--', 'wasbox', '--help'], folder);
  t.regex(help.stdout, /Usage: wasbox/);
});
