// The process that measures modules of hostile shapes: writes a row of the table as a line of JSON for each shape.

import { hostFunction, Module, type Outcome, VM } from 'wasbox';
import { gc } from '../../test/gc.ts';
import { type Shape, shapes } from '../../test/growth/shapes.ts';
import { codeName, decode, lower, ModuleCode, rewriteBytes, supports, validate } from '../measure/built.ts';
import { marked } from '../measure/marked.ts';
import { fuel, judgedMs, rounds, type Stage, settledBelow, settlingRounds, stages } from './told.ts';

const sizes = [1, 2, 4, 8] as const;
/** A shape that takes long has fewer rounds. */
const fewRounds = 3;
const longMs = 6000;
const longestMs = 30_000;

type Times = Partial<Record<Stage, number>>;

interface Sized {
  readonly bytes: number;
  readonly times: Times;
  /** How each stage ended: what is refused at one size and done at another is not compared. */
  readonly ends: Partial<Record<Stage, string>>;
}

function rowOf(shape: Shape): string[] {
  const measured = measure(shape);
  const last = measured.at(-1) as Sized;
  return [shape.name, (last.bytes / 1024).toFixed(0), ...stages.map((stage) => cellOf(stage, measured, last))];
}

function cellOf(stage: Stage, measured: readonly Sized[], { bytes, times }: Sized): string {
  const ms = times[stage];
  if (ms === undefined) return '';
  const worst = growthOf(stage, measured);
  return `${((ms * 1024) / bytes).toFixed(3)} (${worst === 0 ? '–' : worst.toFixed(1)})`;
}

const worstOf = (measured: readonly Sized[]): number => Math.max(...stages.map((stage) => growthOf(stage, measured)));

/** How many times longer it takes at most when the size doubles; 0 where that cannot be told. */
function growthOf(stage: Stage, measured: readonly Sized[]): number {
  let worst = 0;
  measured.forEach((at, i) => {
    const before = measured[i - 1];
    const [short, long] = [before?.times[stage], at.times[stage]];
    if (before === undefined || short === undefined || long === undefined || short < judgedMs) return;
    if (before.ends[stage] !== at.ends[stage]) return;
    worst = Math.max(worst, ((long / short) * 2 * before.bytes) / at.bytes);
  });
  return worst;
}

/** All sizes in turn, so that what the compiler and the machine do meanwhile is shared among them. */
function measure(shape: Shape): Sized[] {
  const measured = sizes.map((size) => {
    const bytes = shape.make(shape.unit * size);
    return { module: bytes, bytes: bytes.length, times: {} as Times, ends: {} };
  });
  const started = performance.now();
  for (let round = 0; isWanted(round, performance.now() - started, measured); round++)
    for (const at of measured) {
      const times = once(shape, marked(at.module), at.ends);
      for (const stage of stages) {
        const [now, before = Number.POSITIVE_INFINITY] = [times[stage], at.times[stage]];
        if (now !== undefined) at.times[stage] = Math.min(now, before);
      }
    }
  return measured;
}

function isWanted(round: number, ms: number, measured: readonly Sized[]): boolean {
  if (round < fewRounds || (round < rounds && ms < longMs)) return true;
  return round < settlingRounds && ms < longestMs && worstOf(measured) > settledBelow;
}

function once(shape: Shape, bytes: Uint8Array, ends: Sized['ends'] & Record<string, string>): Times {
  const times: Times = {};
  const timed = <T>(stage: Stage, act: () => T): T => {
    // A full collection would throw compiled code away, too.
    gc({ type: 'minor' });
    const started = performance.now();
    try {
      return act();
    } finally {
      times[stage] = performance.now() - started;
    }
  };
  /** Some modules are refused, and some trap. */
  const attempt = <T>(stage: Stage, act: () => T): T | undefined => {
    try {
      const made = timed(stage, act);
      ends[stage] = typeof made === 'string' ? made : 'done';
      return made;
    } catch (error) {
      ends[stage] = (error as Error).name;
      return undefined;
    }
  };
  const syntax = timed('decode', () => decode(bytes));
  timed('validate', () => validate(syntax));
  const module = Module.from(bytes);
  timed('lower', () => lowerAll(module));
  const rewritten = attempt('rewrite', () => rewriteBytes(module, false, codeName(module, false)).bytes);
  if (rewritten !== undefined) attempt('compile', () => new WebAssembly.Module(rewritten));
  const fresh = new VM({ engine: 'interpreter' });
  const instance = timed('link', () => fresh.instantiate(Module.from(bytes), importsOf(shape)));
  fresh.start(instance.func('run'), []);
  attempt('first run', () => told(fresh.run({ fuel })));
  fresh.dispose();
  saved(shape, module, timed);
  if (supports(module) === true) attempt('native run', () => nativeRun(shape, module));
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

function nativeRun(shape: Shape, module: Module): string {
  const vm = new VM({ engine: 'native' });
  vm.start(vm.instantiate(module, importsOf(shape)).func('run'), []);
  try {
    return told(vm.run({ fuel }));
  } finally {
    vm.dispose();
  }
}

const told = (outcome: Outcome): string => (outcome.status === 'suspended' ? outcome.reason.kind : outcome.status);

for (const shape of shapes) console.log(JSON.stringify(rowOf(shape)));
