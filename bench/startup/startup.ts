// How long it takes from a module's bytes to the first result, on the host, in the interpreter, and as native code: all
// anew, from a cache of rewritten modules, and where the thread has compiled it before; and how fast modules are rewritten.

import { CrashError, Module, useCodeCache, VM } from 'wasbox';
import { packageFile } from '../demo/program.ts';
import { codeName, continuation, decode, encode, keptOr, keptShape, rewriteBytes } from '../measure/built.ts';
import { marked } from '../measure/marked.ts';
import { type Figure, figure, mapFigure, measure } from '../measure/measure.ts';
import { cell, markdown, type Section } from '../measure/table.ts';
import { assemble } from '../measure/work.ts';
import { firstResults } from './first.ts';

const samples = 3;

/** The functions of a module again and again, until it has a size. What its exports call stays the same. */
function padded(bytes: Uint8Array, size: number): Uint8Array {
  const syntax = decode(bytes);
  const own = syntax.funcs.reduce((sum, { entry, body }) => sum + body.end - entry, 0);
  const funcs = Array.from({ length: Math.max(1, Math.round(size / own)) }, () => syntax.funcs).flat();
  return encode({ ...syntax, funcs, customs: [] });
}

/** One for each sample, and one for the run before them. */
const variants = (bytes: Uint8Array): Uint8Array[] => Array.from({ length: samples + 1 }, () => marked(bytes));

const kernel = await assemble('nbody');
const lodepng = packageFile('@cwasm/lodepng', 'lodepng.wasm');

const modules: readonly (readonly [string, Uint8Array, string, readonly number[]])[] = [
  ['n-body, copied', padded(kernel, 1e4), 'run', [1]],
  ['lodepng', lodepng, '_initialize', []],
  ['lodepng, copied', padded(lodepng, 5e5), '_initialize', []],
  ['lodepng, copied', padded(lodepng, 1e6), '_initialize', []],
  ['lodepng, copied', padded(lodepng, 14e6), '_initialize', []],
];

type Engine = 'host' | 'auto' | 'native';

function first(bytes: Uint8Array, name: string, args: readonly number[], engine: Engine): void {
  if (engine === 'host') return onHost(bytes, name, args);
  const vm = new VM({ engine });
  vm.invoke(vm.instantiate(Module.from(bytes)).func(name), args);
  vm.dispose();
}

function onHost(bytes: Uint8Array, name: string, args: readonly number[]): void {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes as BufferSource), {});
  const call = exports[name];
  if (typeof call !== 'function') throw new CrashError(`there is no ${name}`);
  call(...args);
}

async function row([title, bytes, name, args]: (typeof modules)[number]): Promise<string[]> {
  const from = (engine: Engine, those: Uint8Array[]) =>
    measure(samples, () => first(those.pop() as Uint8Array, name, args, engine));
  const figures: Figure[] = [];
  for (const engine of ['host', 'auto', 'native'] as const) figures.push(await from(engine, variants(bytes)));
  const entries = new Map<string, Uint8Array>();
  useCodeCache({ get: (key) => entries.get(key), set: (key, value) => void entries.set(key, value) });
  const cached = variants(bytes);
  for (const variant of cached) rewriteAsOthersDid(variant);
  figures.push(await from('native', cached));
  useCodeCache(undefined);
  const kept = Module.from(bytes);
  const vm = new VM({ engine: 'native' });
  vm.invoke(vm.instantiate(kept).func(name), args);
  figures.push(await measure(samples, () => first(bytes, name, args, 'native')));
  vm.dispose();
  return [title, (bytes.length / 1000).toFixed(0), ...figures.map((figure) => cell(figure))];
}

/** Puts it into the cache, while this thread knows nothing of it. */
function rewriteAsOthersDid(bytes: Uint8Array): void {
  const module = Module.from(bytes);
  keptOr(module, false, () => rewriteBytes(module, false, codeName(module, false)));
}

export async function startup(): Promise<Section> {
  const rows: string[][] = [];
  for (const module of modules) rows.push(await row(module));
  return {
    title: 'From bytes to the first result',
    text: `ms from a module's bytes until a short call has returned, decoding and validation included. \`auto\` interprets so short a call; native code is all rewritten before it, or taken from a cache as \`useCodeCache\` gives it, or was compiled before in the same process. Median (least to most) of ${samples}.`,
    head: ['module', 'kB', 'host', 'auto', 'native, cold', 'native, from a cache', 'native, compiled before'],
    rows,
  };
}

const packages = [
  ['@cwasm/lodepng', 'lodepng.wasm'],
  ['@wasm-fmt/gofmt', 'gofmt.wasm'],
  ['@jitl/quickjs-wasmfile-release-sync', 'dist/emscripten-module.wasm'],
  ['sql.js', 'dist/sql-wasm.wasm'],
  ['esbuild-wasm', 'esbuild.wasm'],
] as const;

export async function rewriting(): Promise<Section> {
  const rows: string[][] = [];
  for (const [name, file] of packages) rows.push(await rewritingOf(name, packageFile(name, file)));
  return {
    title: 'Rewriting',
    text: `MB of the module's binary a second, the first time in this process and later (median, least to most, of ${samples}); how much larger it gets; and ms until the rest of its largest function from a safe point in the middle is compiled, which stopping there and going on takes once.`,
    head: ['module', 'kB', 'first, MB/s', 'later, MB/s', 'size, times', 'kB of the largest function', 'its rest, ms'],
    rows,
  };
}

async function rewritingOf(name: string, bytes: Uint8Array): Promise<string[]> {
  const module = Module.from(bytes);
  let size = 0;
  const started = performance.now();
  const rewrite = () => {
    size = rewriteBytes(module, false, 'bench').bytes.length;
  };
  rewrite();
  const rate = (ms: number) => bytes.length / ms / 1000;
  const once = rate(performance.now() - started);
  const later = mapFigure(await measure(samples, rewrite), rate);
  const { funcs } = module.syntax;
  const sizes = funcs.map(({ body }) => body.end - body.start);
  const largest = Math.max(...sizes);
  const func = module.context.importedFuncs + sizes.indexOf(largest);
  const { points } = keptShape(module, func);
  const rests: number[] = [];
  for (let i = 0; i < samples; i++) {
    const { pc } = points[(points.length >> 1) + i] as (typeof points)[number];
    const before = performance.now();
    continuation(module, func, pc, false);
    rests.push(performance.now() - before);
  }
  return [
    name,
    (bytes.length / 1000).toFixed(0),
    once.toFixed(1),
    cell(later),
    (size / bytes.length).toFixed(2),
    (largest / 1000).toFixed(1),
    cell(figure(rests)),
  ];
}

const main = process.argv[1]?.endsWith('startup.ts') === true;
if (main) for (const measured of [rewriting, startup, firstResults]) console.log(markdown(await measured()));
