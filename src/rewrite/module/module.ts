// The main module of a guest: the same functions in their rewritten form, everything else imported or exported, so that
// continuations can have it and the store stays the truth. Index spaces keep their order: functions of the engine come
// after imported functions, everything else that is new comes last.

import type { Func } from '../../binary/module.ts';
import type { HostModule } from '../../runtime/beneath/host-wasm.ts';
import { hostWasm } from '../../runtime/beneath/host-wasm.ts';
import { hostMaxPages } from '../../runtime/memory/memory.ts';
import type { Module } from '../../runtime/module/module.ts';
import { CrashError } from '../../spec/errors.ts';
import type { FuncIdx, FuncType } from '../../spec/types.ts';
import { funcType } from '../../validate/context.ts';
import { boundless, Growth, mostOf } from '../read/growth.ts';
import {
  aggregates,
  type Env,
  type Note,
  type OwnGlobal,
  ownGlobals,
  type ScratchFunc,
  scratchFunc,
  scratchFuncs,
  shapeGlobal,
  type Thunk,
  thunks,
} from '../read/index-spaces.ts';
import { shapeOf } from '../read/shape-reader.ts';
import { supportOf } from '../read/support.ts';
import { functionParams, functionResults, type Low, type LowTypes, lowOf, TypeSection } from '../read/types.ts';
import { Additions } from '../write/additions.ts';
import { writeWhole } from '../write/body.ts';
import { BodyWriter, type Origins } from '../write/body-writer.ts';
import { handOver, handOverBytes } from '../write/hand-over.ts';
import { assemble, Code, type ExportEntry, type ImportEntry } from '../write/sections.ts';
import { byContent } from './cache.ts';
import { type Kept, keptOf, keptOr } from './code-cache.ts';
import { transfer, verbs } from './globals.ts';

/** Plain data, which other threads can have. */
export interface Rewritten {
  readonly compiled: HostModule;
  /** What stack traces call it. */
  readonly name: string;
  /** Number of its first function that is the guest's. */
  readonly firstFunc: number;
  /** Where each of the guest's functions begins. */
  readonly offsets: Int32Array;
  readonly size: number;
}

/** The memory as it is imported: whether it is shared is not the module's to say. */
export const memoryImport = (module: Module, shared: boolean): ImportEntry[] =>
  module.context.memories.map(({ limits }, i) => ({
    module: 'memory',
    name: `${i}`,
    is: { kind: 'memory', pages: Number(limits.min), max: hostMaxPages, shared },
  }));

/** The memory that has the store's heap, where code reaches that: after those of the guest. */
export const heapImport = (module: Module): ImportEntry[] =>
  supportOf(module).usesHeap
    ? [{ module: 'heap', name: 'memory', is: { kind: 'memory', pages: 1, max: hostMaxPages, shared: false } }]
    : [];

const scratchNames = [...scratchFuncs.keys()];
const scratchNumbers = new Map(scratchNames.map((name, i) => [name, i]));
/** Imported after those of the guest. */
const threadGlobals = ['asker', 'owed'] as const;
const ownNames = Object.keys(ownGlobals) as OwnGlobal[];

/**
 * The guest's functions stand in a table: to export a thousand of them takes the host a millisecond for each instance, as it
 * makes objects of all, and to put them there a tenth. From a table it makes those that are asked for.
 */
export const functionTable = 'functions';

/** How many functions of the engine come before those of the guest. */
const shiftOf = (module: Module): number => scratchNames.length + supportOf(module).thunks.length;

class MainEnv implements Env {
  readonly types = new TypeSection(mostOf.types);
  readonly shift: number;
  readonly additions: Additions;
  private readonly used: readonly Thunk[];
  private readonly usesHeap: boolean;

  constructor(private readonly module: Module) {
    const { thunks, usesHeap } = supportOf(module);
    this.used = thunks;
    this.usesHeap = usesHeap;
    this.additions = new Additions(usesHeap);
    this.shift = shiftOf(module);
  }

  func(index: number): number {
    return index < this.module.context.importedFuncs ? index : index + this.shift;
  }
  scratch(name: ScratchFunc): number {
    return this.module.context.importedFuncs + (scratchNumbers.get(name) as number);
  }
  thunk(name: Thunk): number {
    const index = this.used.indexOf(name);
    if (index < 0) throw new CrashError(`the rewriter was not told of ${name}`);
    return this.module.context.importedFuncs + scratchNames.length + index;
  }
  global(index: number): number {
    return index < this.asker() ? index : index + threadGlobals.length;
  }
  own(name: OwnGlobal): number {
    return this.global(this.module.context.globals.length) + ownNames.indexOf(name);
  }
  asker(): number {
    return this.module.context.importedGlobals;
  }
  owed(): number {
    return this.module.context.importedGlobals + 1;
  }
  heap(): number {
    return this.module.context.memories.length;
  }
  shape(type: number): number {
    return this.own('self') + ownNames.length + (aggregates(this.module.context).get(type) as number);
  }
  /** The last functions, and the last globals. */
  allocate(): number {
    return this.added + this.additions.allocate;
  }
  helper(types: LowTypes): number {
    return this.added + this.additions.helper(types);
  }
  note(what: Note): number {
    const shapes = this.usesHeap ? aggregates(this.module.context).size : 0;
    return this.own('self') + ownNames.length + shapes + this.additions.note(what);
  }
  private get added(): number {
    return this.func(this.module.context.funcs.length) + verbs.length;
  }
  table(index: number): number {
    return index;
  }
  found(): number {
    return this.module.context.tables.length;
  }
  type(params: readonly Low[], results: readonly Low[]): number {
    return this.types.index(params, results);
  }
  /** Types that are rewritten to the same are one: most references differ in nothing else. */
  guestType(index: number): number {
    const type = this.module.context.types[index]?.comp as FuncType;
    return this.types.index(functionParams(type), functionResults(type));
  }

  imports(shared: boolean): ImportEntry[] {
    const { context, syntax } = this.module;
    const list: ImportEntry[] = [];
    const func = (module: string, name: string, type: number) =>
      list.push({ module, name, is: { kind: 'func', type } });
    for (const { desc } of syntax.imports)
      if (desc.kind === 'func') func('func', `${list.length}`, this.guestType(desc.type));
    for (const name of scratchNames)
      func('scratch', name, this.types.index(scratchFunc(name).params, scratchFunc(name).results));
    for (const name of this.used) func('thunk', name, this.types.index(thunks[name].params, thunks[name].results));
    for (let i = 0; i < context.tables.length; i++) list.push({ module: 'table', name: `${i}`, is: { kind: 'table' } });
    list.push({ module: 'table', name: 'found', is: { kind: 'table' } });
    list.push(...memoryImport(this.module, shared), ...heapImport(this.module));
    for (let i = 0; i < context.importedGlobals; i++)
      list.push({
        module: 'global',
        name: `${i}`,
        is: { kind: 'global', type: globalType(this.module, i), mutable: true },
      });
    for (const name of threadGlobals)
      list.push({ module: 'scratch', name, is: { kind: 'global', type: 'i32', mutable: true } });
    return list;
  }
}

/** The index of a function's rewritten type. */
export function funcTypeIndex(types: TypeSection, { context }: Module, func: number): number {
  const type = context.funcs[func]?.comp as FuncType;
  return types.index(functionParams(type), functionResults(type));
}

export const globalType = ({ context }: Module, global: number): Low => lowOf(context.globals[global]?.type ?? 'i32');

/** What stack traces call the code: no other module of another content is called so, in any thread. */
export const codeName = (module: Module, shared: boolean): string =>
  `wasbox.${module.hash.slice(0, 20)}${shared ? '.shared' : ''}`;

/** By kind of memory. */
const formsOf = byContent(() => new Map<boolean, Rewritten>());

/** The rewritten module, made once for each thread. Throws what the host throws for a module that it cannot compile. */
export function rewritten(module: Module, shared: boolean): Rewritten {
  const forms = formsOf(module);
  const form = forms.get(shared) ?? rewrite(module, shared);
  forms.set(shared, form);
  return form;
}

/** Whether that was done already, for either kind of memory if it is not said which. */
export const isRewritten = (module: Module, shared?: boolean): boolean =>
  shared === undefined ? formsOf(module).size > 0 : formsOf(module).has(shared);

/** Compiled code of a module: structured cloning takes it to other threads, where it need not be made again. */
export type CompiledCode = ReadonlyMap<boolean, Rewritten>;

/** What this thread has so far; undefined where that is nothing. */
export function compiledOf(module: Module): CompiledCode | undefined {
  const forms = formsOf(module);
  return forms.size === 0 ? undefined : new Map(forms);
}

/** Takes what `compiledOf` gave for a module of equal bytes, in a thread that can be trusted. */
export function adopt(module: Module, code: CompiledCode): void {
  const forms = formsOf(module);
  for (const [shared, form] of code) if (!forms.has(shared)) forms.set(shared, form);
}

/** Takes the rewritten module from where it is kept, if it is. */
export function recall(module: Module, shared: boolean): void {
  if (isRewritten(module, shared)) return;
  const kept = keptOf(module, shared);
  if (kept !== undefined) formsOf(module).set(shared, compile(module, shared, kept));
}

function rewrite(module: Module, shared: boolean): Rewritten {
  const make = () => rewriteBytes(module, shared, codeName(module, shared));
  return compile(module, shared, keptOr(module, shared, make));
}

function compile(module: Module, shared: boolean, { bytes, offsets }: Kept): Rewritten {
  return {
    compiled: new hostWasm.Module(bytes),
    name: codeName(module, shared),
    firstFunc: module.context.importedFuncs + shiftOf(module),
    offsets,
    size: bytes.length,
  };
}

/** How many times as large code may get, as a guess: room that is not needed costs nothing. */
const times = 2.2;

/** The rewritten module in the binary format. Throws GrowthError where that is too large for what it comes from. */
export function rewriteBytes(
  module: Module,
  shared: boolean,
  name: string,
  growth = new Growth(module.bytes.length),
): Kept {
  const { context, syntax } = module;
  const env = new MainEnv(module);
  const code = new Code(Math.ceil(times * module.bytes.length));
  const exports: ExportEntry[] = [];
  const { natives } = supportOf(module);
  for (let i = context.importedFuncs; i < context.funcs.length; i++) {
    const bytes = natives[i] === 1 ? whole(module, i, env, growth) : standIn(module, i, env, growth);
    code.add(env.guestType((syntax.funcs[i - context.importedFuncs] as Func).type), bytes);
  }
  const globals: Low[] = [];
  for (let i = context.importedGlobals; i < context.globals.length; i++) {
    globals.push(globalType(module, i));
    exports.push({ name: `g${i}`, kind: 'global', index: env.global(i) });
  }
  verbs.forEach((verb, i) => {
    exports.push({ name: verb, kind: 'func', index: env.func(context.funcs.length) + i });
    const copy = transfer(verb, globals, env.global(context.importedGlobals), (name) => env.scratch(name));
    code.add(env.types.index([], []), copy);
  });
  for (const own of ownNames) {
    globals.push('i32');
    exports.push({ name: ownGlobals[own], kind: 'global', index: env.own(own) });
  }
  if (supportOf(module).usesHeap)
    for (const type of aggregates(context).keys()) {
      globals.push('i32');
      exports.push({ name: shapeGlobal(type), kind: 'global', index: env.shape(type) });
    }
  env.additions.add(code, env);
  globals.push(...env.additions.globals);
  const imports = env.imports(shared);
  const table = { index: env.found() + 1, first: env.func(context.importedFuncs), count: syntax.funcs.length };
  exports.push({ name: functionTable, kind: 'table', index: table.index });
  return assemble({ name, types: env.types, imports, code, globals, exports, table });
}

const whole = ({ context }: Module, func: FuncIdx, env: Env, growth: Growth): Uint8Array =>
  writeWhole(new BodyWriter(context, shapeOf(context, func, growth), env, false, growth)).bytes;

/** In the place of a function that stays interpreted: hands its arguments over, and gives what comes of the call. */
function standIn({ context }: Module, func: FuncIdx, env: Env, growth: Growth): Uint8Array {
  const type = funcType(context, func);
  growth.begin(handOverBytes * (type.params.length + type.results.length));
  return handOver(type, {
    scratch: (name) => env.scratch(name),
    owed: env.owed(),
    call: env.thunk('cross'),
    subject: func,
  });
}

/** What stands where in a function of the main module. */
export function originsOf(module: Module, func: number): Origins {
  const { context } = module;
  const shape = shapeOf(context, func, boundless);
  return writeWhole(new BodyWriter(context, shape, new MainEnv(module), false, boundless, true)).origins;
}
