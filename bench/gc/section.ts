// Programs with structures, arrays and typed references on both engines, beside the host's own, where it has them.

import { readFile } from 'node:fs/promises';
import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { Module, VM, type VmOptions } from 'wasbox';
import { duel, type Figure } from '../measure/measure.ts';
import { cell, type Section } from '../measure/table.ts';

/** By name of the file: the argument, about which the time goes. */
const guests = { tree: 50, list: 1000, fields: 1000, sieve: 50, shapes: 1000, calls: 1000 } as const;
const samples = 7;

type Run = (n: number) => unknown;

export async function objects(): Promise<Section> {
  const rows: string[][] = [];
  for (const [name, n] of Object.entries(guests)) {
    const text = await readFile(new URL(`${name}.wat`, import.meta.url), 'utf8');
    rows.push([name, ...(await cells(new Uint8Array(await parse(text)), n))]);
  }
  return {
    title: 'Objects',
    text: `Structures, arrays and calls by reference (\`bench/gc/*.wat\`), native and interpreted, and native beside the host's own, in turns, all of them warm; \`–\` where the host has none (Node 20). Median (least to most) of ${samples} pairs.`,
    head: ['program', 'native, ms', 'interpreted / native', 'native / host'],
    rows,
  };
}

function ours(bytes: Uint8Array, engine: VmOptions['engine']): Run {
  const vm = new VM({ engine });
  const func = vm.instantiate(Module.from(bytes)).func('run');
  return (n) => vm.invoke(func, [n])[0];
}

function theirs(bytes: Uint8Array<ArrayBuffer>): Run | undefined {
  if (!WebAssembly.validate(bytes)) return undefined;
  return new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports.run as Run;
}

async function cells(bytes: Uint8Array<ArrayBuffer>, n: number): Promise<string[]> {
  const native = ours(bytes, 'native');
  const compared = async (a: Run, b: Run): Promise<{ a: Figure; b: Figure; ratio: Figure }> => {
    if (a(n) !== b(n)) throw new Error('engines differ');
    return duel(
      samples,
      () => a(n),
      () => b(n),
    );
  };
  const interpreted = await compared(ours(bytes, 'interpreter'), native);
  const host = theirs(bytes);
  const ratio = host && (await compared(native, host)).ratio;
  return [cell(interpreted.b), cell(interpreted.ratio, 'x'), ratio === undefined ? '–' : cell(ratio, 'x')];
}
