// How long a process of its own takes from its start to the first result of JavaScript in a sandbox: ours, with the image
// that the package has and without, and the package whose QuickJS we run; also where the program is no short one.
// `WASBOX_BEFORE`: a built checkout of another time, to be told beside this one.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { CrashError } from 'wasbox';
import { figure } from '../measure/measure.ts';
import { cell, type Section } from '../measure/table.ts';

const samples = 9;
const root = fileURLToPath(new URL('../..', import.meta.url));
const before = process.env.WASBOX_BEFORE;

interface Program {
  readonly code: string;
  readonly answer: string;
}
const short: Program = { code: '[1, 2, 3].map((x) => x * 14).join()', answer: '14,28,42' };
const loopOf = (passes: number): Program => ({
  code: `let s = 0; const o = { a: 1 }; for (let i = 0; i < ${passes}; i++) { s = (s + i * o.a) | 0; o.a = (o.a + 1) % 5; } s`,
  answer: String(looped(passes)),
});
function looped(passes: number): number {
  let [s, a] = [0, 1];
  for (let i = 0; i < passes; i++) {
    s = (s + i * a) | 0;
    a = (a + 1) % 5;
  }
  return s;
}
const loops = [3_000, 300_000];

/** Its script, or what Node is to run besides, prints the answer. */
interface Row extends Program {
  readonly name: string;
  readonly args: readonly string[];
}

/** The package without its image. */
function withoutImage(folder: string): string {
  cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true });
  cpSync(join(root, 'package.json'), join(folder, 'package.json'));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction');
  rmSync(join(folder, 'dist/src/javascript/quickjs.image'));
  return folder;
}

function rowsIn(folder: string): readonly Row[] {
  let files = 0;
  const file = (extension: string, text: string) => {
    const path = join(folder, `${files++}.${extension}`);
    writeFileSync(path, text);
    return path;
  };
  const script = (name: string, program: Program, text: string): Row => ({
    name,
    ...program,
    args: [file('mjs', text)],
  });
  const ours = (name: string, of: string, program: Program) => {
    const entry = pathToFileURL(join(of, 'dist/src/javascript/node/index.js'));
    return script(
      name,
      program,
      `import { run } from '${entry}';\nconsole.log((await run(\`${program.code}\`)).value);\n`,
    );
  };
  const theirs = (name: string, program: Program) =>
    script(
      name,
      program,
      `import { readFileSync } from 'node:fs';
      import { QuickJS } from 'quickjs-wasi';
      const vm = await QuickJS.create({ wasm: readFileSync(new URL(import.meta.resolve('quickjs-wasi/quickjs.wasm'))) });
      console.log(vm.evalCode(\`${program.code}\`).consume((handle) => vm.dump(handle)));`,
    );
  const cli = (name: string, of: string): Row => ({
    ...{ name, ...short },
    args: [join(of, 'dist/src/cli/main.js'), 'js', file('js', short.code)],
  });
  const earlier = (name: string, program: Program) =>
    before === undefined ? [] : [ours(`${name}, before`, before, program)];
  const bare = withoutImage(folder);
  return [
    script('Node alone', short, `console.log('${short.answer}');`),
    theirs('quickjs-wasi', short),
    ours('wasbox/javascript', root, short),
    ...earlier('wasbox/javascript', short),
    ours('wasbox/javascript, without the image', bare, short),
    cli('wasbox js FILE', root),
    cli('wasbox js FILE, without the image', bare),
    ...loops.flatMap((passes) => {
      const [program, is] = [loopOf(passes), `a loop of ${passes} passes`];
      return [
        theirs(`quickjs-wasi, ${is}`, program),
        ours(`wasbox/javascript, ${is}`, root, program),
        ...earlier(`wasbox/javascript, ${is}`, program),
      ];
    }),
  ];
}

function milliseconds({ name, args, answer }: Row): number {
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
      text: `ms from the start of a process until the first result of a program, a short one unless told, is printed and the process has ended. Median (least to most) of ${samples}, in turns.`,
      head: ['what', 'ms'],
      rows: rows.map(({ row: { name }, times }) => [name, cell(figure(times))]),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
