// How long a unit of fuel takes, whatever instruction it is spent on: a guest must not get hold of a thread for long by
// what is cheap. Instructions are in `src/spec/fuel.ts`'s prices only if they would take too long otherwise.

import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { hostFunction, Module, VM } from 'wasbox';
import { geometricMean } from '../measure/measure.ts';
import type { Section } from '../measure/table.ts';
import { kernels } from '../measure/work.ts';
import { moduleOf, type Snippet, snippets } from './snippets.ts';

const engines = ['interpreter', 'native'] as const;
type Engine = (typeof engines)[number];

/** Samples are so long, in ms, and the least counts: what disturbs only adds. */
const sampleMs = 8;
const samples = 4;
const times = 8;
/** Before that V8 has not compiled what runs often. Ops that the interpreter's loop never met make it begin anew. */
const warmUpMs = 60;

const plus = hostFunction(['i32'], ['i32'], (x) => (x as number) + 1);

async function vmOf(engine: Engine, bytes: Uint8Array, other: Uint8Array): Promise<VM> {
  const vm = new VM({ engine, limits: { memory: 1 << 28 } });
  const helper = vm.instantiate(Module.from(other));
  vm.instantiate(Module.from(bytes), { host: { f: plus }, other: { inc: helper.func('inc') } });
  return vm;
}

/** Nanoseconds of a unit; undefined where the engine does not have the instruction. */
async function perUnit(
  engine: Engine,
  snippet: Snippet,
  other: Uint8Array,
  warmUp = warmUpMs,
): Promise<number | undefined> {
  let vm: VM;
  try {
    vm = await vmOf(engine, new Uint8Array(await parse(moduleOf(snippet, snippet.large ? 1 : times))), other);
  } catch (error) {
    if (engine === 'native' && /cannot run the module/.test(String(error))) return undefined;
    throw new Error(`${snippet.name}: ${error}`, { cause: error });
  }
  const run = vm.instance(1).func('run');
  const once = (rounds: number): { ms: number; units: number } => {
    const [began, used] = [performance.now(), vm.fuelUsed];
    vm.start(run, [rounds]);
    const outcome = vm.run();
    if (outcome.status !== 'returned') throw new Error(`${snippet.name} ended ${outcome.status}`, { cause: outcome });
    return { ms: performance.now() - began, units: vm.fuelUsed - used };
  };
  let rounds = 1;
  const began = performance.now();
  for (let ms = 0; ms < sampleMs || performance.now() - began < warmUp; ) {
    if (ms < sampleMs) rounds *= 2;
    ({ ms } = once(rounds));
  }
  const all = Array.from({ length: samples }, () => once(rounds)).map(({ ms, units }) => (ms * 1e6) / units);
  vm.dispose();
  return Math.min(...all);
}

/** Nanoseconds of a unit of ordinary code: the mean of the kernels. */
async function plain(engine: Engine): Promise<number> {
  const list: number[] = [];
  for (const { bytes, run } of await kernels()) {
    const vm = new VM({ engine });
    const instance = vm.instantiate(Module.from(bytes));
    const guest = {
      call: (name: string, ...args: (number | bigint)[]) => vm.invoke(instance.func(name), args)[0] as number | bigint,
      memory: () => instance.memory('memory').bytes,
    };
    run(guest);
    let best = Number.POSITIVE_INFINITY;
    for (let i = 0; i < samples; i++) {
      const [began, used] = [performance.now(), vm.fuelUsed];
      run(guest);
      best = Math.min(best, ((performance.now() - began) * 1e6) / (vm.fuelUsed - used));
    }
    list.push(best);
  }
  return geometricMean(list);
}

/** More of them than these are told as a count. */
const shown = 60;

export async function prices(): Promise<Section> {
  const other = new Uint8Array(
    await parse('(module (func (export "inc") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1))))'),
  );
  for (const snippet of snippets()) await perUnit('interpreter', snippet, other, 0);
  const base = { interpreter: await plain('interpreter'), native: await plain('native') };
  const rows: { name: string; ratios: (number | undefined)[] }[] = [];
  for (const snippet of snippets()) {
    const ratios: (number | undefined)[] = [];
    for (const engine of engines) {
      const ns = await perUnit(engine, snippet, other);
      ratios.push(ns === undefined ? undefined : ns / base[engine]);
    }
    rows.push({ name: snippet.name, ratios });
  }
  const worst = ({ ratios }: { ratios: (number | undefined)[] }) => Math.max(...ratios.map((ratio) => ratio ?? 0));
  rows.sort((a, b) => worst(b) - worst(a));
  const cell = (ratio: number | undefined) => (ratio === undefined ? '–' : ratio.toFixed(1));
  const rest = rows.slice(shown);
  return {
    title: 'What a unit of fuel takes',
    text: `Time of a unit spent on an instruction and its operands, as a ratio to a unit of ordinary code, which is the geometric mean of the kernels: ${base.interpreter.toFixed(1)} ns interpreted, ${base.native.toFixed(2)} ns native. The ${shown} slowest of ${rows.length}; the other ${rest.length} take at most ${(rest.length > 0 ? worst(rest[0] as { ratios: number[] }) : 0).toFixed(1)}. Least of ${samples}. – where native code does not have it.`,
    head: ['instruction', ...engines],
    rows: rows.slice(0, shown).map(({ name, ratios }) => [name, ...ratios.map(cell)]),
  };
}
