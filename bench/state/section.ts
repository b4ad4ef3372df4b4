// What keeping a program's state costs: a checkpoint after another, a fork, going back. `WASBOX_BEFORE` names the checkout
// of an older build, which is measured beside this one.

import { join } from 'node:path';
import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { newQuickJSWASMModuleFromVariant } from 'quickjs-emscripten-core';
import * as now from 'wasbox';
import { noise } from '../demo/program.ts';
import { type Figure, figure, mapFigure, quantile, time } from '../measure/measure.ts';
import { cell, type Section } from '../measure/table.ts';
import { quickjs, quickjsBytes, step } from './quickjs.ts';

type Wasbox = typeof now;
const { WASBOX_BEFORE: folder } = process.env;
const before = folder === undefined ? undefined : ((await import(join(folder, 'dist/src/index.js'))) as Wasbox);

const mebibyte = 2 ** 20;
const pageBytes = 4096;

/** A guest that is saved again and again, with something changed in between. */
interface Kept {
  readonly name: string;
  readonly rounds: number;
  make(wasbox: Wasbox): Promise<{ readonly vm: now.VM; change(round: number): void }>;
}

const large: Kept = {
  name: '64 MiB of noise, 1 % of the pages changed',
  rounds: 15,
  async make({ Module, VM }) {
    const module = Module.from(await parse(`(module (memory (export "memory") ${64 * 16}))`));
    const vm = new VM();
    const { bytes } = vm.instantiate(module).memory('memory');
    const block = noise(mebibyte, 3);
    for (let at = 0; at < bytes.length; at += block.length) bytes.set(block, at);
    for (let at = 0; at < bytes.length; at += pageBytes) new DataView(bytes.buffer).setUint32(at, at);
    const pages = bytes.length / pageBytes;
    return {
      vm,
      change(round) {
        for (let i = 0; i < pages / 100; i++) {
          const page = (Math.imul(i * 100 + round, 7919) >>> 0) % pages;
          for (let at = 0; at < 64; at += 4)
            new DataView(bytes.buffer).setInt32(page * pageBytes + 1000 + at, Math.imul(round + at + i, 0x9e3779b1));
        }
      },
    };
  },
};

const javascript: Kept = {
  name: 'QuickJS in 16 MiB, a small step',
  rounds: 400,
  async make(wasbox) {
    const vm = quickjs(wasbox, wasbox.Module.from(quickjsBytes));
    const memory = vm.instance().memory('memory');
    memory.grow(256 - memory.pages);
    return { vm, change: () => step(vm) };
  },
};

export async function checkpoints(): Promise<Section> {
  const rows: string[][] = [];
  for (const kept of [large, javascript]) rows.push(...(await rowsOf(kept)));
  return {
    title: 'Checkpoints',
    text:
      'Saving and encoding, each time after a change: all of it, and with the checkpoint before as a base. Median (least to most). ' +
      (before === undefined ? 'No older build beside it.' : 'The older build in turns with this one.'),
    head: ['guest', 'build', 'rounds', 'whole, ms', 'whole, KiB', 'change, ms', 'change, KiB'],
    rows,
  };
}

interface Round {
  readonly whole: number;
  readonly wholeBytes: number;
  readonly change: number;
  readonly changeBytes: number;
}

async function rowsOf({ name, rounds, make }: Kept): Promise<string[][]> {
  const builds = [
    { build: 'this', wasbox: now },
    ...(before === undefined ? [] : [{ build: 'older', wasbox: before }]),
  ];
  const runs = await Promise.all(
    builds.map(async ({ build, wasbox }) => {
      const { vm, change } = await make(wasbox);
      return { build, vm, change, last: vm.save(), rounds: [] as Round[] };
    }),
  );
  for (let round = 0; round < rounds + 3; round++)
    for (const run of runs) {
      run.change(round);
      const done = await timed(run.vm, run.last);
      run.last = done.saved;
      // The first ones warm it up.
      if (round >= 3) run.rounds.push(done.round);
    }
  return runs.map((run) => {
    const of = (pick: (round: Round) => number) => figure(run.rounds.map(pick));
    const kib = (figure: Figure) => cell(mapFigure(figure, (bytes) => bytes / 1024));
    return [
      ...[name, run.build, String(run.rounds.length)],
      ...[cell(of(({ whole }) => whole)), kib(of(({ wholeBytes }) => wholeBytes))],
      ...[cell(of(({ change }) => change)), kib(of(({ changeBytes }) => changeBytes))],
    ];
  });
}

async function timed(vm: now.VM, base: now.Snapshot): Promise<{ round: Round; saved: now.Snapshot }> {
  let saved = base;
  let bytes = new Uint8Array();
  const change = await time(() => {
    saved = vm.save();
    bytes = saved.encode({ base });
  });
  const changeBytes = bytes.length;
  const whole = await time(() => {
    bytes = saved.encode();
  });
  return { round: { whole: whole + change, wholeBytes: bytes.length, change, changeBytes }, saved };
}

// Forks

const count = 1_000;

/** Milliseconds of each of so many. */
function each(act: (i: number) => unknown, times = count): { p50: string; p99: string; all: string } {
  const samples: number[] = [];
  const began = performance.now();
  for (let i = 0; i < times; i++) {
    const started = performance.now();
    act(i);
    samples.push(performance.now() - started);
  }
  const all = performance.now() - began;
  return { p50: quantile(samples, 0.5).toFixed(3), p99: quantile(samples, 0.99).toFixed(3), all: all.toFixed(0) };
}

/** KiB of the process that each of those takes which `make` makes. */
function taking<T>(make: () => T): { times: ReturnType<typeof each>; kib: string; made: T[] } {
  const made: T[] = [];
  const { rss } = process.memoryUsage();
  const times = each(() => made.push(make()));
  return { times, kib: ((process.memoryUsage().rss - rss) / 1024 / count).toFixed(0), made };
}

export async function forks(): Promise<Section> {
  const vm = quickjs(now, now.Module.from(quickjsBytes));
  const at = vm.save();
  const rows: string[][] = [];
  const row = (name: string, { p50, p99, all }: ReturnType<typeof each>, kib = '') =>
    rows.push([name, p50, p99, all, kib]);
  each(() => vm.fork().dispose(), 100);
  const forked = taking(() => vm.fork());
  row('a fork, as it is', forked.times, forked.kib);
  for (const fork of forked.made) fork.dispose();
  row(
    'a fork of a snapshot',
    each(() => vm.fork(at).dispose()),
  );
  const used = taking(() => {
    const fork = vm.fork(at);
    step(fork);
    return fork;
  });
  row('a fork that takes a step', used.times, used.kib);
  for (const fork of used.made) fork.dispose();
  row(
    'going back, and a step',
    each(() => {
      vm.rewind(at);
      step(vm);
    }),
  );
  row(
    'a checkpoint, going back',
    each(() => vm.rewind(vm.save())),
  );
  row('a new context of quickjs-emscripten that takes a step', await fresh());
  return {
    title: 'Forks',
    text: `QuickJS with 1,000 objects of its own, in ${vm.instance().memory('memory').pages * 64} KiB of memory; ${count} of each, one after the other, in ms. KiB: of the whole process, by each. Beside it what people do who cannot fork: a runtime and a context for each, without the objects.`,
    head: ['', 'p50', 'p99', 'all', 'KiB each'],
    rows,
  };
}

async function fresh(): Promise<ReturnType<typeof each>> {
  const engine = await newQuickJSWASMModuleFromVariant(import('@jitl/quickjs-wasmfile-release-sync'));
  return each(() => {
    const runtime = engine.newRuntime();
    const context = runtime.newContext();
    context.unwrapResult(context.evalCode('1 + 1')).dispose();
    context.dispose();
    runtime.dispose();
  });
}
