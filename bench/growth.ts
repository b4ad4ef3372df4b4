// Modules of hostile shapes (test/growth/shapes.ts), each at sizes 1, 2, 4 and 8: how the time of each stage grows. Where it
// is in proportion, twice the size takes twice the time; what takes very little time is not judged.

import { hostFunction, Module, VM } from 'wasbox';
import { type Shape, shapes } from '../test/growth/shapes.ts';
import { codeName, decode, lower, ModuleCode, rewriteBytes, supports, validate } from './built.ts';
import { marked } from './marked.ts';
import type { Section } from './table.ts';

const sizes = [1, 2, 4, 8] as const;
/** The least time of so many runs counts; what takes long is not done again. */
const runs = 5;
const longMs = 1000;
/** Shorter times are the clock's, the compiler's and the collector's as much as the work's. */
const judgedMs = 2;
const fuel = 100_000;

const stages = [
  'decode',
  'validate',
  'lower',
  'rewrite',
  'compile',
  'link',
  'first run',
  'native run',
  'save',
] as const;
type Stage = (typeof stages)[number];
type Times = Partial<Record<Stage, number>>;

interface Sized {
  readonly bytes: number;
  readonly times: Times;
}

export async function hostileGrowth(): Promise<Section> {
  const rows: string[][] = [];
  for (const shape of shapes) {
    rows.push(rowOf(shape));
    console.log(`${shape.name} is done`);
  }
  return {
    title: 'Hostile shapes',
    text: `Milliseconds for each KB of a module at size 8, and in brackets how many times longer a stage takes at most when the size doubles, from 1 to 8 (a dash where it takes less than ${judgedMs} ms). The least of ${runs} runs. Lowering is that of all functions in both forms; a module that the rewriter refuses has no more of it than the time to find out. First runs are of at most ${fuel} units of fuel; what is saved, its frames looked at before, is a VM that has had three.`,
    head: ['shape', 'KB', ...stages],
    rows,
  };
}

function rowOf(shape: Shape): string[] {
  const measured = sizes.map((size) => timesAt(shape, size));
  const last = measured.at(-1) as Sized;
  return [shape.name, (last.bytes / 1024).toFixed(0), ...stages.map((stage) => cellOf(stage, measured, last))];
}

function cellOf(stage: Stage, measured: readonly Sized[], { bytes, times }: Sized): string {
  const ms = times[stage];
  if (ms === undefined) return '';
  let worst = 0;
  measured.forEach((at, i) => {
    const before = measured[i - 1];
    const [short, long] = [before?.times[stage], at.times[stage]];
    if (before === undefined || short === undefined || long === undefined || long < judgedMs) return;
    worst = Math.max(worst, ((long / short) * 2 * before.bytes) / at.bytes);
  });
  return `${((ms * 1024) / bytes).toFixed(3)} (${worst === 0 ? '–' : worst.toFixed(1)})`;
}

function timesAt(shape: Shape, size: number): Sized {
  const bytes = shape.make(shape.unit * size);
  const least: Times = {};
  for (let i = 0; i < runs; i++) {
    const times = once(shape, marked(bytes));
    for (const stage of stages) {
      const [now, before = Number.POSITIVE_INFINITY] = [times[stage], least[stage]];
      if (now !== undefined) least[stage] = Math.min(now, before);
    }
    if (Object.values(times).some((ms) => ms > longMs)) break;
  }
  return { bytes: bytes.length, times: least };
}

function once(shape: Shape, bytes: Uint8Array): Times {
  const times: Times = {};
  const timed = <T>(stage: Stage, act: () => T): T => {
    const started = performance.now();
    try {
      return act();
    } finally {
      times[stage] = performance.now() - started;
    }
  };
  const syntax = timed('decode', () => decode(bytes));
  timed('validate', () => validate(syntax));
  const module = Module.from(bytes);
  timed('lower', () => lowerAll(module));
  const rewritten = timed('rewrite', () => attempt(() => rewriteBytes(module, false, codeName(module, false)).bytes));
  if (rewritten !== undefined) timed('compile', () => attempt(() => new WebAssembly.Module(rewritten)));
  firstRun(shape, Module.from(bytes), timed);
  saved(shape, module, timed);
  if (supports(module) === true) nativeRun(shape, module, timed);
  return times;
}

type Timed = <T>(stage: Stage, act: () => T) => T;

function lowerAll(module: Module): void {
  const code = new ModuleCode(module);
  const start = code.length;
  const { funcs, importedFuncs } = module.context;
  for (const form of ['folded', 'plain'] as const)
    for (let func = importedFuncs; func < funcs.length; func++) lower(code, func, form);
  code.length = start;
}

const importsOf = ({ imports }: Shape) =>
  imports === undefined ? {} : { env: { f: hostFunction([], [], () => undefined) } };

function firstRun(shape: Shape, module: Module, timed: Timed): void {
  const vm = new VM({ engine: 'interpreter' });
  const instance = timed('link', () => vm.instantiate(module, importsOf(shape)));
  vm.start(instance.func('run'), []);
  timed('first run', () => attempt(() => vm.run({ fuel })));
  vm.dispose();
}

/** In the midst of the run, mostly right at its begin: what a call costs is charged then. */
function saved(shape: Shape, module: Module, timed: Timed): void {
  const vm = new VM({ engine: 'interpreter' });
  vm.start(vm.instantiate(module, importsOf(shape)).func('run'), []);
  vm.run({ fuel: 3 });
  timed('save', () => {
    vm.frames();
    vm.save().encode();
  });
  vm.dispose();
}

function nativeRun(shape: Shape, module: Module, timed: Timed): void {
  const vm = new VM({ engine: 'native' });
  vm.start(vm.instantiate(module, importsOf(shape)).func('run'), []);
  timed('native run', () => attempt(() => vm.run({ fuel })));
  vm.dispose();
}

/** Some modules are refused, and some trap. */
function attempt<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch {
    return undefined;
  }
}
