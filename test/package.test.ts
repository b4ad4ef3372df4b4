// What npm would publish, installed into an empty folder and used from there as a stranger would: by the README's own
// lines, on every Node that is given, as JavaScript and as strict TypeScript.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { baseIn } from '../src/javascript/machine/image.ts';
import { lying } from './javascript/images.ts';
import { quickjsBytes } from './javascript/quickjs.ts';
import { examples, preparation, promised } from './readme.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const run = promisify(execFile);

/** Settings of an npm that runs us (`npm test`) must not reach the one that we run, nor those of our own threads. */
const env = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !/^npm_(package|lifecycle|config_local_prefix)|^NODE_OPTIONS$/i.test(name),
  ),
);
const shell = process.platform === 'win32';
const npm = (args: string[], cwd: string) => run('npm', args, { cwd, env, shell });

/** The paths of other Nodes on which the package has to work, besides the one that runs this. */
const others = (process.env.WASBOX_NODES ?? '').split(delimiter).filter(Boolean);
if (others.length === 0)
  console.warn(
    `\n*** WASBOX_NODES names no Node: THE PACKAGE IS TRIED ON ${process.version} ONLY. Set it to paths of others. ***\n`,
  );
const nodes = [process.execPath, ...others];

/** Where the compilers are; that of the documentation is the older one. */
const compilers = { '5.9': 'docs/node_modules/typescript', '7': 'node_modules/typescript' };
const resolutions = {
  bundler: { module: 'esnext', moduleResolution: 'bundler' },
  nodenext: { module: 'nodenext', moduleResolution: 'nodenext' },
};
const strict = {
  ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, skipLibCheck: false },
  ...{ target: 'es2022', lib: ['es2022'], rootDir: '.' },
};

/** A folder in which the package is installed as the README says. */
let folder = '';

test.before(async (t) => {
  t.timeout(300_000, 'npm install may be slow');
  t.true(existsSync(join(root, 'dist/src/index.js')), 'npm run build comes first');
  folder = await mkdtemp(join(tmpdir(), 'wasbox-package-'));
  // Without scripts, since `prepack` builds anew while other tests read dist.
  await npm(['pack', '--ignore-scripts', '--pack-destination', folder], root);
  const [tarball] = await readdir(folder);
  t.regex(tarball ?? '', /^wasbox-.*\.tgz$/);
  await writeFile(join(folder, 'package.json'), '{ "private": true }');
  const [install, ...lines] = preparation;
  t.is(install, 'npm install wasbox');
  await npm(['install', '--prefer-offline', '--no-audit', '--no-fund', `./${tarball}`], folder);
  for (const line of lines) await run(line, { cwd: folder, env, shell: true });
  await mkdir(join(folder, 'node_modules/@types'));
  // What whoever uses it has installed besides.
  for (const name of ['@types/node', 'prom-client'])
    await symlink(join(root, 'node_modules', name), join(folder, 'node_modules', name), 'junction');
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

test.serial('the package has what it should, and its command', async (t) => {
  const installed = await readdir(join(folder, 'node_modules/wasbox'));
  t.deepEqual(installed.sort(), ['LICENSE', 'README.md', 'dist', 'package.json']);
  const help = await npm(['exec', '--offline', '--', 'wasbox', '--help'], folder);
  t.regex(help.stdout, /Usage: wasbox/);
});

/** Prints the hash of the image that a token is of. */
const whichImage = `
  import { inspect, pause, run } from 'wasbox/javascript';
  const { token } = await run('ask()', { tools: { ask: () => pause } });
  console.log(inspect(token).image);`;

test.serial('QuickJS begins with the image that the package has, unless that does not fit', async (t) => {
  const script = join(folder, 'image.mjs');
  await writeFile(script, whichImage);
  const hash = async () => (await run(process.execPath, [script], { cwd: folder, env })).stdout.trim();
  const resolved = "console.log(import.meta.resolve('wasbox/quickjs.image'))";
  const asked = await run(process.execPath, ['--input-type=module', '-e', resolved], { cwd: folder, env });
  const file = fileURLToPath(asked.stdout.trim());
  const shipped = await readFile(file);
  t.true(shipped.length < 1_000_000, `${shipped.length} bytes`);
  const hashIn = (image: Uint8Array) => baseIn(image, quickjsBytes)?.hash ?? 'no image';
  // The second can be told from what is booted.
  const [own, other] = [hashIn(shipped), hashIn(lying())];
  t.not(own, other);
  t.is(await hash(), own);
  await writeFile(file, lying());
  t.is(await hash(), other);
  await writeFile(file, shipped.subarray(0, 5000));
  t.is(await hash(), own);
  await rm(file);
  t.is(await hash(), own);
  await writeFile(file, shipped);
});

test.serial('jobs run where OpenTelemetry is not installed, though somebody asks for spans', async (t) => {
  const script = join(folder, 'spans.mjs');
  await writeFile(
    script,
    `import { hasSubscribers } from 'node:diagnostics_channel';
     import { readFile } from 'node:fs/promises';
     import { Pool } from 'wasbox/pool';
     import { tracePool } from 'wasbox/telemetry';
     const pool = new Pool({ threads: 1 });
     const stop = await tracePool(pool);
     const output = await pool.submit({ module: await readFile('fib.wasm'), export: 'fib', args: [10] });
     console.log(hasSubscribers('wasbox.job.end'), output, stop());
     await pool.close();`,
  );
  const { stdout } = await run(process.execPath, [script], { cwd: folder, env });
  t.is(stdout.trim(), 'false [ 55 ] undefined');
});

/** In a folder of its own, as the examples write files where they run. */
async function prints(t: ExecutionContext, node: string, file: string, example: string): Promise<void> {
  const cwd = await mkdtemp(join(folder, 'run-'));
  for (const guest of ['fib.wasm', 'double.wasm']) await copyFile(join(folder, guest), join(cwd, guest));
  await copyFile(join(root, 'test/fixtures/wasi/words.wasm'), join(cwd, 'words.wasm'));
  const { stdout, stderr } = await run(node, [file], { cwd, env });
  t.deepEqual(stdout.trim().split('\n'), promised(example), file);
  t.is(stderr, '');
}

for (const node of nodes)
  test.serial(`the README's examples print what they say (${node})`, async (t) => {
    const { engines } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
    t.is(engines.node, '>=20.19');
    for (const [i, example] of examples.entries()) {
      const file = join(folder, `${nodes.indexOf(node)}-example-${i}.mjs`);
      await writeFile(file, example);
      await prints(t, node, file, example);
    }
  });

for (const [version, compiler] of Object.entries(compilers))
  for (const [name, resolution] of Object.entries(resolutions))
    test.serial(`strict programs compile, and run: TypeScript ${version}, ${name}`, async (t) => {
      t.timeout(300_000, 'compilers may be slow');
      const project = join(folder, `typescript-${version}-${name}`);
      await mkdir(project);
      const files = examples.map((example, i) => [`example-${i}.mts`, example] as const);
      for (const [file, example] of files) await writeFile(join(project, file), example);
      await writeFile(join(project, 'strict.mts'), await readFile(join(root, 'test/package/strict.ts')));
      await writeFile(join(project, 'look-alike.mts'), lookAlike);
      await compile(project, compiler, { ...strict, ...resolution, types: ['node'], outDir: 'out' });
      for (const node of nodes)
        for (const [i, [, example]] of files.entries())
          await prints(t, node, join(project, 'out', `example-${i}.mjs`), example);
    });

const lookAlike = `
  import namespace, { createWebAssembly, Module } from 'wasbox/webassembly';
  export const module = new Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0));
  export const { exports } = new (createWebAssembly().Instance)(new namespace.Module(new Uint8Array(8)));`;

/** Throws with what the compiler says. */
async function compile(project: string, compiler: string, compilerOptions: object): Promise<void> {
  await writeFile(join(project, 'package.json'), '{ "type": "module" }');
  await writeFile(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.mts'] }));
  const { bin } = JSON.parse(await readFile(join(root, compiler, 'package.json'), 'utf8'));
  const tsc = join(root, compiler, bin.tsc);
  await run(process.execPath, [tsc, '-p', project], { cwd: project, env }).catch((error) => {
    throw new Error(`${compiler}: ${error.stdout}${error.stderr}`);
  });
}

for (const [version, compiler] of Object.entries(compilers))
  test.serial(
    `the core's types need neither those of Node nor those of a browser (TypeScript ${version})`,
    async (t) => {
      const project = join(folder, `typescript-${version}-bare`);
      await mkdir(project);
      await writeFile(
        join(project, 'core.mts'),
        "import { VM } from 'wasbox';\nusing vm = new VM();\nvm.run().values;\n",
      );
      await writeFile(join(project, 'look-alike.mts'), lookAlike);
      await compile(project, compiler, { ...strict, ...resolutions.nodenext, types: [], noEmit: true });
      await writeFile(join(project, 'core.mts'), "import { VM } from 'wasbox';\nconst vm: string = new VM();\n");
      await t.throwsAsync(compile(project, compiler, { ...strict, ...resolutions.nodenext, types: [], noEmit: true }), {
        message: /core\.mts.*TS2322/s,
      });
    },
  );
