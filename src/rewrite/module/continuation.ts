// Continuations: for a function and a safe point a module whose one function is the rest of it. It takes the frame from
// the scratch memory, has depth and fuel as parameters, and leaves its results in the scratch memory. Made when first
// needed, kept as long as the guest's module, and as long as there is room for it among those of the thread.

import { Writer } from '../../binary/writer.ts';
import { hostWasm } from '../../runtime/beneath/host-wasm.ts';
import { bounds, compiledBytes } from '../../runtime/kept/bounds.ts';
import { Lru } from '../../runtime/kept/lru.ts';
import type { Module } from '../../runtime/module/module.ts';
import { CrashError } from '../../spec/errors.ts';
import type { FuncIdx, FuncType } from '../../spec/types.ts';
import { placeOf } from '../../validate/context.ts';
import { boundless } from '../read/growth.ts';
import {
  type Env,
  type Note,
  type OwnGlobal,
  ownGlobals,
  type ScratchFunc,
  scratchFunc,
  shapeGlobal,
  type Thunk,
  thunks,
} from '../read/index-spaces.ts';
import { type FunctionShape, pointOf } from '../read/shape.ts';
import { shapeOf } from '../read/shape-reader.ts';
import { functionParams, functionResults, type Low, type LowTypes, slotsOfLow, TypeSection } from '../read/types.ts';
import { Additions } from '../write/additions.ts';
import { writeRest } from '../write/body.ts';
import { BodyWriter, type Origins, type Written } from '../write/body-writer.ts';
import { Op } from '../write/ops.ts';
import { assemble, Code, type ImportEntry, type ImportKind } from '../write/sections.ts';
import { byContent } from './cache.ts';
import { codeName, funcTypeIndex, globalType, heapImport, memoryImport } from './module.ts';

/** What a continuation is of. */
export interface Rest {
  readonly name: string;
  readonly func: FuncIdx;
  readonly pc: number;
  /** Where its function begins. */
  readonly offset: number;
}

export interface Continuation extends Rest {
  readonly compiled: WebAssembly.Module;
  readonly imports: readonly ImportEntry[];
  /** What enters it, by the instance that it is linked with: gone with either of them. */
  readonly enters: WeakMap<object, Enter>;
}

/** Depth and fuel in; the fuel that is left out, or what says why code was left. */
export type Enter = (depth: number, fuel: number) => number;

/** Numbers imports as they are first used. */
class RestEnv implements Env {
  readonly types = new TypeSection();
  readonly imports: ImportEntry[] = [];
  readonly additions = new Additions(false);
  private readonly numbers = new Map<string, number>();
  private readonly counts: Record<ImportKind['kind'], number> = { func: 0, table: 0, memory: 0, global: 0 };

  constructor(
    private readonly module: Module,
    shared: boolean,
  ) {
    this.imports.push(...memoryImport(module, shared), ...heapImport(module));
  }

  private number(module: string, name: string, is: () => ImportKind): number {
    const key = `${module} ${name}`;
    const known = this.numbers.get(key);
    if (known !== undefined) return known;
    const entry = { module, name, is: is() };
    const number = this.counts[entry.is.kind]++;
    this.imports.push(entry);
    this.numbers.set(key, number);
    return number;
  }

  func(index: number): number {
    return this.number('func', `${index}`, () => ({
      kind: 'func',
      type: funcTypeIndex(this.types, this.module, index),
    }));
  }
  scratch(name: ScratchFunc): number {
    const { params, results } = scratchFunc(name);
    return this.number('scratch', name, () => ({ kind: 'func', type: this.types.index(params, results) }));
  }
  thunk(name: Thunk): number {
    const { params, results } = thunks[name];
    return this.number('thunk', name, () => ({ kind: 'func', type: this.types.index(params, results) }));
  }
  global(index: number): number {
    return this.number('global', `${index}`, () => ({
      kind: 'global',
      type: globalType(this.module, index),
      mutable: true,
    }));
  }
  own(name: OwnGlobal): number {
    return this.number('own', ownGlobals[name], () => ({ kind: 'global', type: 'i32', mutable: true }));
  }
  asker(): number {
    return this.ofThread('asker');
  }
  owed(): number {
    return this.ofThread('owed');
  }
  private ofThread(name: string): number {
    return this.number('scratch', name, () => ({ kind: 'global', type: 'i32', mutable: true }));
  }
  heap(): number {
    return this.module.context.memories.length;
  }
  shape(type: number): number {
    return this.number('own', shapeGlobal(type), () => ({ kind: 'global', type: 'i32', mutable: true }));
  }
  /** Functions follow the rest, which follows the imports. */
  allocate(): number {
    return this.counts.func + 1 + this.additions.allocate;
  }
  helper(types: LowTypes): number {
    return this.counts.func + 1 + this.additions.helper(types);
  }
  note(what: Note): number {
    return this.counts.global + this.additions.note(what);
  }
  table(index: number): number {
    return this.number('table', `${index}`, () => ({ kind: 'table' }));
  }
  found(): number {
    return this.number('table', 'found', () => ({ kind: 'table' }));
  }
  type(params: readonly Low[], results: readonly Low[]): number {
    return this.types.index(params, results);
  }
  guestType(index: number): number {
    const type = this.module.context.types[index]?.comp as FuncType;
    return this.types.index(functionParams(type), functionResults(type));
  }
}

/** Of all modules, by hash, kind of memory and place in the code. */
const kept = new Lru<string, Continuation>(() => bounds.continuations);
/** Notes that a module has some: they go when it does. */
const noted = byContent(
  () => ({}),
  (hash) => {
    for (const key of kept.keys()) if (key.startsWith(hash)) kept.delete(key);
  },
);

/** How many this thread keeps, and what they cost in bytes. */
export const keptContinuations = (): { count: number; bytes: number } => ({ count: kept.size, bytes: kept.bytes });

const shapesOf = byContent(() => new Map<FuncIdx, FunctionShape>());

/** The shape of a function that code goes on in. */
export function keptShape(module: Module, func: FuncIdx): FunctionShape {
  const kept = shapesOf(module);
  const known = kept.get(func);
  if (known !== undefined) return known;
  const shape = shapeOf(module.context, func, boundless);
  kept.set(func, shape);
  return shape;
}

/** Of a module, by place: what it is called here. To put that together anew takes longer than all else of finding it. */
const keysOf = {
  plain: byContent(() => new Map<number, string>()),
  shared: byContent(() => new Map<number, string>()),
};
const mostKeys = 4096;

export function continuation(module: Module, func: FuncIdx, pc: number, shared: boolean): Continuation {
  const keys = keysOf[shared ? 'shared' : 'plain'](module);
  const place = placeOf(module.context, func, pc);
  const key = keys.get(place) ?? newKey(keys, module, place, shared);
  return kept.get(key) ?? made(key, module, func, pc, shared);
}

function newKey(keys: Map<number, string>, { hash }: Module, place: number, shared: boolean): string {
  if (keys.size === mostKeys) keys.clear();
  const key = `${hash}${shared ? '+' : ' '}${place}`;
  keys.set(place, key);
  return key;
}

function made(key: string, module: Module, func: FuncIdx, pc: number, shared: boolean): Continuation {
  noted(module);
  const { rest, size } = make(module, func, pc, shared);
  return kept.set(key, rest, compiledBytes(size));
}

function make(module: Module, func: FuncIdx, pc: number, shared: boolean): { rest: Continuation; size: number } {
  const name = `${codeName(module, shared)}.${func}.${pc}`;
  const env = new RestEnv(module, shared);
  const { bytes } = writeKnowing(module, func, pc, env, false);
  const type = env.types.index(['i32', 'i32'], ['i32']);
  const { imports } = env;
  const code = new Code(bytes.length + 5);
  code.add(type, bytes);
  env.additions.add(code, env);
  const index = imports.filter(({ is }) => is.kind === 'func').length;
  const assembled = assemble({
    name,
    types: env.types,
    imports,
    code,
    globals: env.additions.globals,
    exports: [{ name: 'run', kind: 'func', index }],
  });
  const compiled = new hostWasm.Module(assembled.bytes);
  const offset = assembled.offsets[0] as number;
  return { rest: { compiled, imports, name, func, pc, offset, enters: new WeakMap() }, size: assembled.bytes.length };
}

/** Writes it once more where not all numbers were known yet. */
function writeKnowing(module: Module, func: FuncIdx, pc: number, env: RestEnv, tracing: boolean): Written {
  const first = write(module, func, pc, env, tracing);
  if (env.additions.areNone) return first;
  // What these import.
  env.additions.add(new Code(), env);
  return write(module, func, pc, env, tracing);
}

function write(module: Module, func: FuncIdx, pc: number, env: Env, tracing: boolean): Written {
  const shape = keptShape(module, func);
  if (pc === 0) return { bytes: enter(shape, env), origins: [] };
  const point = pointOf(shape, pc);
  if (point === undefined) throw new CrashError(`function ${func} cannot be continued at pc ${pc}`);
  return writeRest(new BodyWriter(module.context, shape, env, true, boundless, tracing), point);
}

/** Calls the function itself. */
function enter(shape: FunctionShape, env: Env): Uint8Array {
  const w = new Writer();
  w.byte(0);
  shape.params.forEach((type, i) => {
    w.byte(Op.i32Const);
    w.s32((shape.localSlots[i] as number) * 8);
    w.byte(Op.call);
    w.u32(env.scratch(`get_${type}`));
  });
  w.bytes(Uint8Array.of(Op.localGet, 0, Op.localGet, 1, Op.call));
  w.u32(env.func(shape.func));
  w.bytes(Uint8Array.of(Op.localSet, 1));
  let slot = shape.results.reduce((sum, type) => sum + slotsOfLow(type), 0);
  for (const type of shape.results.toReversed()) {
    slot -= slotsOfLow(type);
    w.byte(Op.i32Const);
    w.s32(slot * 8);
    w.byte(Op.call);
    w.u32(env.scratch(`set_${type}`));
  }
  w.bytes(Uint8Array.of(Op.localGet, 1, Op.end));
  return w.finish();
}

/** What stands where in a continuation. */
export const restOrigins = (module: Module, { func, pc }: Rest): Origins =>
  writeKnowing(module, func, pc, new RestEnv(module, false), true).origins;
