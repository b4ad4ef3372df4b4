// How long a thread's event loop stands still while a large module is compiled and run elsewhere: by us in several ways, and by
// the host. Each sample is a process of its own (process.js), as most modules are compiled once in a process.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageFile } from '../demo/program.ts';
import { decode, encode } from '../measure/built.ts';
import { figure } from '../measure/measure.ts';
import { cell, type Section } from '../measure/table.ts';
import { assemble } from '../measure/work.ts';

const samples = 7;
const script = fileURLToPath(new URL('./process.js', import.meta.url));

const ways = {
  idle: 'nothing, for a second',
  from: '`Module.from`',
  compile: '`Module.compile`',
  again: '`Module.compile`, the second module of a process',
  host: "the host's `WebAssembly.compile`",
  'from, pool': '`Module.from`, run in a pool',
  'compile, pool': '`Module.compile`, run in a pool',
  'bytes, pool': 'bytes, run in a pool',
  'compile, pool, native': '`Module.compile`, run in a pool as native code',
  'host, instance': "the host's `WebAssembly.instantiate`, run",
};
type Way = keyof typeof ways;

/** In ms. */
interface Found {
  /** The longest time without a turn of the event loop, by a timer and by Node's own count. */
  readonly block: number;
  readonly told: number;
  /** The most that the thread had of a processor between two turns; NaN where the system does not tell. */
  readonly own: number;
  readonly taken: number;
}

/** The functions of lodepng again and again. */
function copied(): Uint8Array {
  const syntax = decode(packageFile('@cwasm/lodepng', 'lodepng.wasm'));
  const own = syntax.funcs.reduce((sum, { entry, body }) => sum + body.end - entry, 0);
  const funcs = Array.from({ length: Math.round(14e6 / own) }, () => syntax.funcs).flat();
  return encode({ ...syntax, funcs, customs: [] });
}

/** Each with an export that is soon over. */
const modules = [
  ['esbuild.wasm', packageFile('esbuild-wasm', 'esbuild.wasm'), 'getsp'],
  ['lodepng, copied', copied(), '_initialize'],
] as const;

export async function eventLoop(): Promise<Section> {
  const folder = mkdtempSync(join(tmpdir(), 'wasbox-eventloop-'));
  try {
    const kernel = join(folder, 'kernel.wasm');
    writeFileSync(kernel, await assemble('fib'));
    const rows = modules.flatMap(([title, bytes, name]) => {
      const file = join(folder, `${name}.wasm`);
      writeFileSync(file, bytes);
      return rowsOf((way) => one(file, way, name, kernel)).map((row) => [title, ...row]);
    });
    return {
      title: 'Blocks of the event loop',
      text: `The longest time in ms for which a timer of 1 ms did not come while a module of 14 MB was compiled and, where told, a short call of it was run; the same as Node's monitorEventLoopDelay has it; the most that the thread had of a processor between two of its turns, to which nothing else that the machine does adds; and how long all of it took. Median (least to most) of ${samples}, in turns, each in a process of its own whose pool has run another module before.`,
      head: ['module', 'how', 'longest block', 'as the host tells it', 'of a processor', 'ms in all'],
      rows,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function rowsOf(sample: (way: Way) => Found): string[][] {
  const all = (Object.keys(ways) as Way[]).map((way) => ({ way, found: [] as Found[] }));
  for (let i = 0; i < samples; i++) for (const { way, found } of all) found.push(sample(way));
  return all.map(({ way, found }) => [
    ways[way],
    ...(['block', 'told', 'own', 'taken'] as const).map((what) => cell(figure(found.map((each) => each[what])))),
  ]);
}

function one(file: string, way: Way, name: string, kernel: string): Found {
  const { stdout, stderr, status } = spawnSync(process.execPath, [script, file, way, name, kernel], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${name}, ${way}: ${stderr}`);
  return JSON.parse(stdout) as Found;
}
