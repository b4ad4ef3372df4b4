// How long it takes from a module's bytes to the first result, on the host, in the interpreter, and as native code, cold
// and from the cache of rewritten modules; and how fast modules are rewritten.

import { CrashError, Module, useCodeCache, VM } from 'wasbox';
import { decode, encode, rewriteBytes } from './built.ts';
import { packageFile } from './demo/program.ts';
import { measure, time } from './measure.ts';
import { cell, markdown, type Section } from './table.ts';
import { assemble } from './work.ts';

const samples = 3;

/** The functions of a module again and again, until it has a size. What its exports call stays the same. */
function padded(bytes: Uint8Array, size: number): Uint8Array {
  const syntax = decode(bytes);
  const own = syntax.funcs.reduce((sum, { entry, body }) => sum + body.end - entry, 0);
  const funcs = Array.from({ length: Math.max(1, Math.round(size / own)) }, () => syntax.funcs).flat();
  return encode({ ...syntax, funcs, customs: [] });
}

const kernel = await assemble('nbody');
const lodepng = packageFile('@cwasm/lodepng', 'lodepng.wasm');

const modules: readonly (readonly [string, Uint8Array, string, readonly number[]])[] = [
  ['n-body, copied', padded(kernel, 1e4), 'run', [1]],
  ['lodepng', lodepng, '_initialize', []],
  ['lodepng, copied', padded(lodepng, 5e5), '_initialize', []],
  ['lodepng, copied', padded(lodepng, 1e6), '_initialize', []],
  ['lodepng, copied', padded(lodepng, 14e6), '_initialize', []],
];

function first(bytes: Uint8Array, name: string, args: readonly number[], engine: 'auto' | 'native'): void {
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
  // One for each sample and the run before them: a module keeps what is learnt about it.
  const fresh = Array.from({ length: samples + 1 }, () => Module.from(bytes));
  let size = 0;
  const rewriting = await measure(samples, () => {
    size = rewriteBytes(fresh.pop() as Module, false, 'bench').bytes.length;
  });
  const entries = new Map<string, Uint8Array>();
  const host = await measure(samples, () => onHost(bytes, name, args));
  const auto = await measure(samples, () => first(bytes, name, args, 'auto'));
  const cold = await measure(samples, () => first(bytes, name, args, 'native'));
  useCodeCache({ get: (key) => entries.get(key), set: (key, value) => void entries.set(key, value) });
  await time(() => first(bytes, name, args, 'native'));
  const cached = await measure(samples, () => first(bytes, name, args, 'native'));
  useCodeCache(undefined);
  const rate = bytes.length / rewriting.median / 1000;
  const kB = (bytes.length / 1000).toFixed(0);
  return [
    title,
    kB,
    rate.toFixed(1),
    (size / bytes.length).toFixed(2),
    ...[host, auto, cold, cached].map((figure) => cell(figure)),
  ];
}

export async function startup(): Promise<Section> {
  const rows: string[][] = [];
  for (const module of modules) rows.push(await row(module));
  return {
    title: 'From bytes to the first result',
    text: `ms from a module's bytes until a short call has returned, decoding and validation included. \`auto\` interprets so short a call; native code is all rewritten before it, or taken from the cache. Median (least to most) of ${samples}.`,
    head: ['module', 'kB', 'rewriting, MB/s', 'size, times', 'host', 'auto', 'native, cold', 'native, from the cache'],
    rows,
  };
}

const main = process.argv[1]?.endsWith('startup.ts') === true;
if (main) console.log(markdown(await startup()));
