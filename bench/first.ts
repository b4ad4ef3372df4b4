// How long a process of its own takes from its start to the first result of JavaScript in a sandbox: ours, with the image
// that the package has and without, and the package whose QuickJS we run.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { CrashError } from 'wasbox';
import { figure } from './measure.ts';
import { cell, type Section } from './table.ts';

const samples = 9;
const root = fileURLToPath(new URL('..', import.meta.url));
const program = '[1, 2, 3].map((x) => x * 14).join()';
const answer = '14,28,42';

/** The package without its image. */
function withoutImage(folder: string): string {
  cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true });
  cpSync(join(root, 'package.json'), join(folder, 'package.json'));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction');
  rmSync(join(folder, 'dist/src/javascript/quickjs.image'));
  return folder;
}

/** Each prints the answer. */
function rowsIn(folder: string): readonly (readonly [string, readonly string[]])[] {
  const script = (name: string, text: string) => {
    const file = join(folder, `${name}.mjs`);
    writeFileSync(file, text);
    return [file];
  };
  const code = join(folder, 'program.js');
  writeFileSync(code, program);
  const ours = (name: string, of: string) => {
    const entry = pathToFileURL(join(of, 'dist/src/javascript/node/index.js'));
    return script(name, `import { run } from '${entry}';\nconsole.log((await run(\`${program}\`)).value);\n`);
  };
  const theirs = `
    import { readFileSync } from 'node:fs';
    import { QuickJS } from 'quickjs-wasi';
    const vm = await QuickJS.create({ wasm: readFileSync(new URL(import.meta.resolve('quickjs-wasi/quickjs.wasm'))) });
    console.log(vm.evalCode(\`${program}\`).consume((handle) => vm.dump(handle)));`;
  const cli = (of: string) => [join(of, 'dist/src/cli/main.js'), 'js', code];
  const bare = withoutImage(folder);
  return [
    ['Node alone', script('alone', `console.log('${answer}');`)],
    ['quickjs-wasi', script('theirs', theirs)],
    ['wasbox/javascript', ours('image', root)],
    ['wasbox/javascript, without the image', ours('booted', bare)],
    ['wasbox js FILE', cli(root)],
    ['wasbox js FILE, without the image', cli(bare)],
  ];
}

function milliseconds([name, args]: readonly [string, readonly string[]]): number {
  const started = performance.now();
  const { stdout, stderr } = spawnSync(process.execPath, [...args], { encoding: 'utf8' });
  const taken = performance.now() - started;
  if (stdout.trim() !== answer) throw new CrashError(`${name} says ${stdout}${stderr}`);
  return taken;
}

export async function firstResults(): Promise<Section> {
  const folder = mkdtempSync(join(tmpdir(), 'wasbox-first-'));
  try {
    const rows = rowsIn(folder).map((row) => ({ row, times: [] as number[] }));
    for (let i = 0; i < samples; i++) for (const { row, times } of rows) times.push(milliseconds(row));
    return {
      title: 'First result of JavaScript',
      text: `ms from the start of a process until the first result of a short program is printed and the process has ended. Median (least to most) of ${samples}, in turns.`,
      head: ['what', 'ms'],
      rows: rows.map(({ row: [name], times }) => [name, cell(figure(times))]),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
