// What happens to a module before it runs: decoding, validation, and lowering to the interpreter's code.

import { Module } from 'wasbox';
import { packageFile } from '../demo/program.ts';
import { decode, encode, lower, ModuleCode, validate } from '../measure/built.ts';
import { type Figure, mapFigure, measure } from '../measure/measure.ts';
import { cell, type Section } from '../measure/table.ts';

const samples = 5;

const modules = [
  ['@wasm-fmt/gofmt', 'gofmt.wasm'],
  ['tiny-secp256k1', 'lib/secp256k1.wasm'],
  ['@cwasm/lodepng', 'lodepng.wasm'],
  ['esbuild-wasm', 'esbuild.wasm'],
] as const;

/** Sizes of modules made of one program's functions over and over. */
const megabytes = [1, 4, 16];

export async function stages(): Promise<Section> {
  const rows: string[][] = [];
  for (const [name, file] of modules) rows.push(await row(name, packageFile(name, file)));
  return {
    title: 'Before the first instruction',
    text: `MB of the module's binary a second; the whole module each time, though a VM lowers a function only when it is first called. Median (least to most) of ${samples}.`,
    head: [
      'module',
      'kB',
      'of it code, kB',
      'decode, MB/s',
      'validate, MB/s',
      'lower, MB/s',
      'both, ms',
      "V8's Module, ms",
    ],
    rows,
  };
}

/** The functions of lodepng again and again: the time must grow as the size does. */
export async function growth(): Promise<Section> {
  const syntax = decode(packageFile('@cwasm/lodepng', 'lodepng.wasm'));
  const own = syntax.funcs.reduce((sum, { entry, body }) => sum + body.end - entry, 0);
  const rows: string[][] = [];
  for (const size of megabytes) {
    const copies = Math.round((size * 1e6) / own);
    const funcs = Array.from({ length: copies }, () => syntax.funcs).flat();
    const bytes = encode({ ...syntax, funcs, customs: [] });
    const figure = await measure(samples, () => Module.from(bytes));
    rows.push([
      (bytes.length / 1e6).toFixed(1),
      cell(figure),
      cell(mapFigure(figure, (ms) => (ms * 1e6) / bytes.length)),
    ]);
  }
  return {
    title: 'Size',
    text: `Decoding and validating lodepng's functions, copied until the module has a size. Median (least to most) of ${samples}.`,
    head: ['MB', 'ms', 'ms a MB'],
    rows,
  };
}

async function row(name: string, bytes: Uint8Array): Promise<string[]> {
  const rate = (figure: Figure) => cell(mapFigure(figure, (ms) => bytes.length / ms / 1000));
  const syntax = decode(bytes);
  const module = Module.from(bytes);
  // V8 compiles equal bytes once.
  const others = Array.from({ length: samples + 1 }, (_, i) => withNote(bytes, i));
  return [
    name,
    (bytes.length / 1000).toFixed(0),
    (syntax.funcs.reduce((sum, { body }) => sum + body.end - body.start, 0) / 1000).toFixed(0),
    rate(await measure(samples, () => decode(bytes))),
    rate(await measure(samples, () => validate(syntax))),
    rate(await measure(samples, () => lowerAll(module))),
    cell(await measure(samples, () => Module.from(bytes))),
    cell(await measure(samples, () => new WebAssembly.Module(others.pop() as BufferSource))),
  ];
}

/** The same module with a custom section more, which has a name of one character and one byte in it. */
const withNote = (bytes: Uint8Array, note: number): Uint8Array =>
  Buffer.concat([bytes, Uint8Array.of(0, 3, 1, 110, note)]);

function lowerAll(module: Module): void {
  const code = new ModuleCode(module);
  const { funcs, importedFuncs } = module.context;
  for (let func = importedFuncs; func < funcs.length; func++) lower(code, func, 'folded');
}
