// Saving and restoring a VM, and what it costs to run in slices.

import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { Module, Snapshot, VM } from 'wasbox';
import { noise } from '../demo/program.ts';
import { duel, type Figure, mapFigure, measure } from '../measure/measure.ts';
import { cell, type Section } from '../measure/table.ts';
import { assemble } from '../measure/work.ts';

const samples = 5;
const pairs = 9;
const mebibyte = 2 ** 20;
const size = 32;

export async function holder(mebibytes: number): Promise<Module> {
  const pages = mebibytes * 16;
  return Module.from(
    await parse(`(module (memory (export "memory") ${pages}) (func (export "run") (loop $forever (br $forever))))`),
  );
}

/** A VM in the middle of a call, its memory filled. */
export function busyVm(module: Module, sharedMemory: boolean, fill: (memory: Uint8Array) => void): VM {
  const vm = new VM({ sharedMemory });
  const instance = vm.instantiate(module);
  fill(instance.memory('memory').bytes);
  vm.start(instance.func('run'), []);
  vm.run({ fuel: 100 });
  return vm;
}

const block = noise(mebibyte, 3);
const text = new TextEncoder().encode('It was the best of times, it was the worst of times, ');
const fills = {
  /** No page is like another, and nothing can be packed. */
  noise(memory: Uint8Array) {
    for (let at = 0; at < memory.length; at += block.length) {
      memory.set(block, at);
      for (let page = 0; page < block.length; page += 4096) new DataView(memory.buffer).setUint32(at + page, at + page);
    }
  },
  text(memory: Uint8Array) {
    for (let at = 0; at + text.length < memory.length; at += text.length) memory.set(text, at);
    for (let page = 0; page < memory.length; page += 4096) new DataView(memory.buffer).setUint32(page, page);
  },
  /** One page in sixteen holds noise, the others are zero. */
  sparse(memory: Uint8Array) {
    for (let at = 0; at < memory.length; at += 16 * 4096) {
      memory.set(block.subarray(0, 4096), at);
      new DataView(memory.buffer).setUint32(at, at);
    }
  },
};

export async function snapshots(): Promise<Section> {
  const module = await holder(size);
  const rows: string[][] = [];
  for (const [name, fill] of Object.entries(fills)) rows.push(await row(name, module, fill));
  return {
    title: 'Snapshots',
    text: `A suspended VM with ${size} MiB of memory; MiB of memory a second. Median (least to most) of ${samples}.`,
    head: ['memory', 'save, MiB/s', 'encode, MiB/s', 'decode, MiB/s', 'restore, MiB/s', 'encoded, MiB'],
    rows,
  };
}

async function row(name: string, module: Module, fill: (memory: Uint8Array) => void): Promise<string[]> {
  const vm = busyVm(module, false, fill);
  const saved = vm.save();
  const bytes = saved.encode();
  const rate = (figure: Figure) => cell(mapFigure(figure, (ms) => size / (ms / 1000)));
  const cells = [
    name,
    rate(await measure(samples, () => vm.save())),
    rate(await measure(samples, () => saved.encode())),
    rate(await measure(samples, () => Snapshot.decode(bytes))),
    rate(await measure(samples, () => VM.restore(saved, { modules: [module] }).dispose())),
    (bytes.length / mebibyte).toFixed(1),
  ];
  vm.dispose();
  return cells;
}

/** The same run in one go and in slices, in turns. */
export async function slices(): Promise<Section> {
  const module = Module.from(await assemble('sieve'));
  const rows: string[][] = [];
  for (const fuel of [1000, 10_000]) rows.push(await sliceRow(module, fuel));
  return {
    title: 'Slices of the interpreter',
    text: `The sieve in one run and in slices on the same thread, in turns; what a slice costs is the difference, divided by their number. Median (least to most) of ${pairs} pairs.`,
    head: ['fuel a slice', 'slices', 'whole, ms', 'sliced, ms', 'sliced / whole', 'a slice, µs'],
    rows,
  };
}

async function sliceRow(module: Module, fuel: number): Promise<string[]> {
  let count = 0;
  const whole = () => sieve(module, Number.POSITIVE_INFINITY);
  const sliced = () => {
    count = sieve(module, fuel);
  };
  const { a, b, ratio, difference } = await duel(pairs, sliced, whole);
  const cost = mapFigure(difference, (ms) => (ms * 1000) / count);
  return [String(fuel), String(count), cell(b), cell(a), cell(ratio, 'x'), cell(cost)];
}

/** Returns the number of slices. */
function sieve(module: Module, fuel: number): number {
  const vm = new VM({ engine: 'interpreter' });
  vm.start(vm.instantiate(module).func('run'), [300_000]);
  let count = 1;
  while (vm.run({ fuel }).status === 'suspended') count++;
  vm.dispose();
  return count;
}
