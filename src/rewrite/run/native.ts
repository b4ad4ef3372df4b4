// A store as native code: an instance of the host for each instance, tables that follow the store's, and what enters a
// frame. It lasts as long as the store; the store stays the truth whenever native code does not run.

import { type HostMemory, type HostModule, hostWasm } from '../../runtime/beneath/host-wasm.ts';
import type { Thrown } from '../../runtime/engine.ts';
import { shapeOf } from '../../runtime/heap/shape.ts';
import type { MemoryInst } from '../../runtime/memory/memory.ts';
import type { Module } from '../../runtime/module/module.ts';
import type { FuncInst, InstanceInst, Store } from '../../runtime/store.ts';
import { TableInst } from '../../runtime/table.ts';
import type { DefType } from '../../spec/deftypes.ts';
import type { FuncAddr, FuncType, GlobalAddr, TableAddr } from '../../spec/types.ts';
import { slotsOfAll } from '../../spec/types.ts';
import { type Continuation, continuation, type Enter, type Rest } from '../module/continuation.ts';
import { GlobalMirror } from '../module/globals.ts';
import { type CallHost, hostWrappers } from '../module/hosts.ts';
import { functionTable, type Rewritten, rewritten } from '../module/module.ts';
import { copyWords, theScratch } from '../module/scratch-memory.ts';
import { TableMirror, theMisfit } from '../module/tables.ts';
import { type Home, makeThunks } from '../module/thunks.ts';
import {
  aggregates,
  isOpenTable,
  isVague,
  left,
  notNoted,
  ownGlobals,
  shapeGlobal,
  type Thunk,
  thrown,
} from '../read/index-spaces.ts';
import { supportOf } from '../read/support.ts';
import type { ImportEntry } from '../write/sections.ts';
import { Pace } from './quantum.ts';
import { Flight } from './thrown.ts';

/** Functions with addresses beyond are elements of the table of those that were found only for a call. */
const mostFound = 100_000;
/** Continuations whose names a store knows. A name is small, and outlasts the code. */
const mostNames = 2_000;

/** What there is of an instance before there is one of the host's. */
interface Draft {
  readonly home: Home;
  readonly rewritten: Rewritten;
  readonly shared: boolean;
  /** Made once its code wants one of them: they take a kilobyte and more. */
  thunks: ReturnType<typeof makeThunks> | undefined;
}

export class NativeInstance implements Draft {
  readonly home: Home;
  readonly rewritten: Rewritten;
  readonly shared: boolean;
  thunks: Draft['thunks'];
  readonly fuel: WebAssembly.Global;
  readonly element: WebAssembly.Global;
  readonly functions: WebAssembly.Table;

  constructor(
    { home, rewritten, shared, thunks }: Draft,
    readonly exports: WebAssembly.Exports,
  ) {
    this.home = home;
    this.rewritten = rewritten;
    this.shared = shared;
    this.thunks = thunks;
    this.fuel = exports[ownGlobals.fuel] as WebAssembly.Global;
    this.element = exports[ownGlobals.element] as WebAssembly.Global;
    this.functions = exports[functionTable] as WebAssembly.Table;
    const { addr, funcs, module } = home.inst;
    const { importedFuncs } = module.context;
    (exports[ownGlobals.self] as WebAssembly.Global).value = addr;
    (exports[ownGlobals.funcs] as WebAssembly.Global).value = (funcs[importedFuncs] ?? 0) - importedFuncs;
  }

  get inst(): InstanceInst {
    return this.home.inst;
  }
}

/** Whose code a frame of a stack trace is in. */
export interface Code {
  readonly module: Module;
  readonly rewritten: Rewritten;
  /** Undefined for the main module. */
  readonly rest: Rest | undefined;
}

/** A run of native code, as code that calls the engine knows it. What belongs to a run is here, and not the store's. */
export interface Runner {
  /** Whose code was entered last. */
  entered: NativeInstance | undefined;
  /** The function that was entered last, where that was at its beginning. */
  fresh: FuncAddr | undefined;
  /**
   * Calls the host from code that has so much fuel, and so many bytes of native stack; `owed` is what it was charged
   * beyond its fuel. Other runs may come and go meanwhile. Says what is left of the fuel, and whether the results are in place; or what the function threw.
   */
  callHost(addr: FuncAddr, base: number, caller: InstanceInst, depth: number, fuel: number, owed: number): HostAnswer;
  /**
   * Likewise calls a function that stays interpreted. Where it is not done and has thrown nothing, code is to leave.
   */
  cross(addr: FuncAddr, base: number, depth: number, fuel: number, owed: number): HostAnswer;
  /** What code that goes on after it called the host has from then on. */
  refill(fuel: number): number;
  /** Charges what was done at once; says what is left of the fuel that code has. */
  owe(units: number, fuel: number): number;
  /** Takes fuel from code that shall leave soon, so that what is dead can be found. */
  forgo(fuel: number): void;
}

export interface HostAnswer {
  readonly fuel: number;
  readonly done: boolean;
  readonly thrown: Thrown | undefined;
}

/** What native code is of that waits for its next store: nothing that anybody may use. */
const noStore = Object.freeze({}) as Store;
const noTable = new TableInst({ ref: { heap: 'func', nullable: true }, addr: 'i32', limits: { min: 0n } });

export class NativeStore {
  readonly scratch = theScratch();
  /** Fuel that was used for certain since the last trap. */
  sure = 0;
  /** How often code has gone on after a look. */
  looks = 0;
  /** Of runs that may be paused. */
  pace = new Pace();
  readonly instances: NativeInstance[] = [];
  /** By the name of the module. */
  private readonly codes = new Map<string, Code>();
  private readonly rests = new Map<string, Code>();
  /** The innermost run, while there is one. */
  runner: Runner | undefined;
  readonly flight: Flight;
  private readonly globals: GlobalMirror;
  private readonly mirrors: (TableMirror | undefined)[] = [];
  private readonly wrappers = new Map<string, CallableFunction>();
  /** By address: whether the function is an element of the table `found` for good. */
  private readonly isFound: boolean[] = [];
  private readonly found = new hostWasm.Table({ element: 'anyfunc', initial: 1 });
  /** Those that its one instance has, as long as nobody asks for another. */
  private memories: readonly HostMemory[] = [];

  constructor(public store: Store) {
    this.flight = new Flight(this, this.scratch);
    this.globals = new GlobalMirror(this, this.scratch);
  }

  // Serving another store

  /** Leaves its store, which is gone, and holds nothing of it any more. */
  leave(): void {
    if (this.store.globalsAway === this.globals) this.store.globalsAway = null;
    this.store = noStore;
    for (const { home } of this.instances) {
      home.store = noStore;
      home.inst = { ...home.inst, elems: [] };
    }
    for (const mirror of this.mirrors) mirror?.follow(noTable);
    this.flight.host = undefined;
  }

  /** Whether a table that it shows has more elements than one of a new store, which it cannot show any more. */
  get hasGrown(): boolean {
    const { tables } = this.store;
    return this.mirrors.some(
      (mirror, addr) => (mirror?.host.length ?? 0) > Number((tables[addr] as TableInst).type.limits.min),
    );
  }

  /** Elements of all tables that it shows. */
  get elements(): number {
    return this.mirrors.reduce((sum, mirror) => sum + (mirror?.host.length ?? 0), 0);
  }

  /** Instances of the host's, continuations included. */
  get instanceCount(): number {
    return this.instances.length + this.rests.size;
  }

  /** Whether its code is linked with the memory. */
  holds(memory: HostMemory): boolean {
    return this.memories.includes(memory);
  }

  /** The one module that it is of; undefined where its code sees what is others'. */
  get sole(): Module | undefined {
    const [only, ...others] = this.instances;
    return only !== undefined && others.length === 0 && isClosed(only.inst.module) ? only.inst.module : undefined;
  }

  /** Whether it can be of the store, which has what its own had as that was made: in particular the memories. */
  suits(store: Store): boolean {
    const [{ inst: own }] = this.instances as [NativeInstance];
    const [inst] = store.instances;
    return (
      inst?.module === own.module &&
      store.instances.length === 1 &&
      inst.memories.every((addr, i) => store.memories[addr]?.host === this.memories[i]) &&
      isSame(inst.funcs, own.funcs) &&
      isSame(inst.globals, own.globals) &&
      isSame(inst.tables, own.tables) &&
      this.mirrors.every((mirror, addr) => (mirror?.host.length ?? 0) <= (store.tables[addr] as TableInst).size)
    );
  }

  /** Is of a store that it suits from now on, as if it had been made for it. */
  serve(store: Store): void {
    const [{ home }] = this.instances as [NativeInstance];
    this.store = store;
    home.store = store;
    home.inst = store.instances[0] as InstanceInst;
    this.mirrors.forEach((mirror, addr) => {
      mirror?.follow(store.tables[addr] as TableInst);
    });
    this.sure = 0;
    this.looks = 0;
    this.pace = new Pace();
  }

  /** What a module of a stack trace is. */
  code(name: string): Code | undefined {
    return this.codes.get(name) ?? this.rests.get(name);
  }

  // Keeping up with the store

  /** Makes native code see the store as it is. */
  follow(): void {
    const { store, instances } = this;
    while (instances.length < store.instances.length) this.add(store.instances[instances.length] as InstanceInst);
    this.globals.load();
    for (const mirror of this.mirrors) mirror?.update();
  }

  private add(inst: InstanceInst): void {
    const { module } = inst;
    const shared = hasSharedMemory(this.store, inst);
    const form = rewritten(module, shared);
    const home: Home = { store: this.store, inst };
    this.wrapImports(home);
    const draft: Draft = { home, rewritten: form, shared, thunks: undefined };
    const imports = this.imports(mainImports(form), draft);
    const { exports } = new hostWasm.Instance(form.compiled, imports);
    this.instances.push(new NativeInstance(draft, exports));
    if (supportOf(module).usesHeap) numberShapes(this.store, module, exports);
    this.memories = inst.memories.map((memory) => (this.store.memories[memory] as MemoryInst).host);
    this.globals.add(inst, exports);
    this.codes.set(form.name, { module, rewritten: form, rest: undefined });
  }

  private thunksOf(home: Home): ReturnType<typeof makeThunks> {
    const { addr } = home.inst;
    return makeThunks(
      home,
      {
        tableChanged: (table) => this.mirrors[table]?.update(),
        forgo: () => this.forgo(this.instances[addr] as NativeInstance),
        spend: (units) => this.spend(this.instances[addr] as NativeInstance, units),
        cross: (func, depth, fuel, owed) => this.cross(home.inst.funcs[func] as FuncAddr, depth, fuel, owed),
      },
      (func) => this.find(func, home),
      this.flight.of((forgo) => this.takeFuel(this.instances[addr] as NativeInstance, forgo)),
    );
  }

  /** The fuel that an instance's code has noted, less what it is to go without. */
  private takeFuel({ fuel }: NativeInstance, forgo: boolean): number {
    const runner = this.runner as Runner;
    // Code may have been charged more than it had.
    const noted = runner.owe(0, fuel.value as number);
    fuel.value = notNoted;
    if (!forgo) return noted;
    runner.forgo(noted);
    return 0;
  }

  /** An instance's code, which has noted its fuel, is to go without it. */
  private forgo(native: NativeInstance): void {
    // Where references stand in code of several runs, to leave one of them would not help.
    if (this.store.heap.pinned > 1) return;
    native.fuel.value = this.takeFuel(native, true);
  }

  /** Takes what something costs from the fuel that an instance's code has noted. */
  private spend({ fuel }: NativeInstance, units: number): void {
    fuel.value = (this.runner as Runner).owe(units, fuel.value as number);
  }

  /** Nothing is noted of a trap: code begins to run, or it has trapped. */
  forgetNotes(): void {
    for (const { fuel, element } of this.instances) {
      fuel.value = notNoted;
      element.value = notNoted;
    }
  }

  /**
   * The fuel that was left when code trapped: known for `unreachable`. Elsewhere it is lost with the native frames;
   * noting each charge would cost a tenth of all speed.
   */
  notedFuel(): number | undefined {
    return this.instances.map(({ fuel }) => fuel.value as number).find((fuel) => fuel !== notNoted);
  }

  /** That of the instances of some code that ran last, as far as can be told: the host's trace names the module only. */
  running(code: Code): NativeInstance {
    const those = this.instances.filter(({ rewritten }) => rewritten === code.rewritten);
    const noted = those.find(({ fuel, element }) => fuel.value !== notNoted || element.value !== notNoted);
    const entered = those.find((it) => it === this.runner?.entered);
    return (noted ?? entered ?? those[0]) as NativeInstance;
  }

  // What native code imports

  private imports(
    entries: readonly ImportEntry[],
    native: Draft & { exports?: WebAssembly.Exports },
  ): WebAssembly.Imports {
    const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {};
    for (const { module, name } of entries) {
      const space = imports[module] ?? {};
      imports[module] = space;
      space[name] = this.provide(module, name, native) as WebAssembly.ImportValue;
    }
    return imports;
  }

  private provide(module: string, name: string, native: Draft & { exports?: WebAssembly.Exports }): unknown {
    const { home, exports } = native;
    const { inst } = home;
    switch (module) {
      case 'func':
        return this.lowFunc(inst.funcs[Number(name)] as FuncAddr, home);
      case 'scratch':
        return this.scratch.exports[name];
      case 'thunk':
        native.thunks ??= this.thunksOf(home);
        return native.thunks[name as Thunk];
      case 'heap':
        return this.store.heap.inMemory();
      case 'memory':
        return (this.store.memories[inst.memories[Number(name)] as number] as MemoryInst).host;
      case 'table':
        return name === 'found' ? this.found : this.mirror(home, Number(name)).host;
      case 'global':
        return this.globals.of(inst.globals[Number(name)] as GlobalAddr);
      default:
        return exports?.[name];
    }
  }

  private mirror(home: Home, index: number): TableMirror {
    const { inst } = home;
    const addr = inst.tables[index] as TableAddr;
    const known = this.mirrors[addr];
    if (known !== undefined) return known;
    const owner = isOpenTable(inst.module.context, index) ? undefined : home;
    const mirror = new TableMirror(this.store.tables[addr] as TableInst, (func) => this.element(func, owner));
    this.mirrors[addr] = mirror;
    return mirror;
  }

  // Functions

  /** A function in a table: one whose rewritten type says less than its type is none that code finds by itself. */
  private element(addr: FuncAddr, owner: Home | undefined): CallableFunction {
    if (isVague((this.store.funcs[addr] as FuncInst).type)) return theMisfit();
    return this.lowFunc(addr, owner);
  }

  /** Makes a function an element of the table of those that code has found, and says which. */
  private find(addr: FuncAddr, caller: Home): number {
    const { found } = this;
    // To ask the host's table takes longer.
    if (this.isFound[addr] === true) return addr + 1;
    const { kind } = this.store.funcs[addr] as FuncInst;
    // Of a host function each instance has its own form.
    if (kind === 'host' || addr >= mostFound) {
      found.set(0, this.lowFunc(addr, caller));
      return 0;
    }
    const element = addr + 1;
    if (element >= found.length)
      found.grow(Math.max(element + 1, Math.min(2 * found.length, mostFound + 1)) - found.length);
    found.set(element, this.lowFunc(addr, caller));
    this.isFound[addr] = true;
    return element;
  }

  /** A function in its rewritten form, as an instance sees it, or as all do that have a table. */
  private lowFunc(addr: FuncAddr, caller: Home | undefined): CallableFunction {
    const func = this.store.funcs[addr] as FuncInst;
    if (func.kind === 'host') return this.wrapper(addr, caller);
    const native = this.instances[func.instance.addr] as NativeInstance;
    return native.functions.get(func.index - func.instance.module.context.importedFuncs) as CallableFunction;
  }

  private wrapper(addr: FuncAddr, caller: Home | undefined): CallableFunction {
    const key = keyOf(addr, caller);
    if (!this.wrappers.has(key)) this.wrap([addr], caller);
    return this.wrappers.get(key) as CallableFunction;
  }

  /** Makes the rewritten forms of host functions. */
  private wrap(addrs: readonly FuncAddr[], caller: Home | undefined): void {
    const types = addrs.map((addr) => this.store.funcType(addr));
    const calls = addrs.map((addr, i) => this.callHost(addr, types[i] as FuncType, caller));
    hostWrappers(types, calls).forEach((wrapper, i) => {
      this.wrappers.set(keyOf(addrs[i] as FuncAddr, caller), wrapper);
    });
  }

  /** Those that an instance imports, at once. */
  private wrapImports(home: Home): void {
    const { funcs, module } = home.inst;
    const imported = funcs.slice(0, module.context.importedFuncs);
    const hosts = imported.filter((addr) => this.store.funcs[addr]?.kind === 'host');
    if (hosts.length > 0) this.wrap([...new Set(hosts)], home);
  }

  private callHost(addr: FuncAddr, { params, results }: FuncType, only: Home | undefined): CallHost {
    const paramSlots = slotsOfAll(params);
    const resultSlots = slotsOfAll(results);
    return (depth, fuel, owed) => {
      const { store, scratch } = this;
      const { stack } = store;
      const caller = only?.inst ?? (store.instances[scratch.asker] as InstanceInst);
      const base = stack.top;
      stack.reserveSlots(base + Math.max(paramSlots, resultSlots));
      copyWords(scratch.words, 0, stack.words, base * 2, paramSlots * 2);
      const runner = this.runner as Runner;
      // The caller's frame is native: another one of its instance stands for it.
      const level = stack.depth;
      stack.push(caller.funcs[caller.module.context.importedFuncs] as FuncAddr, 0, base);
      stack.top = base + paramSlots;
      let answer: HostAnswer;
      try {
        answer = runner.callHost(addr, base, caller, depth, fuel, owed);
      } finally {
        stack.depth = level;
        stack.top = base;
        this.follow();
      }
      if (answer.thrown !== undefined) {
        this.flight.host = answer.thrown;
        scratch.thrown = answer.thrown.exception();
      }
      if (!answer.done) {
        scratch.held = answer.fuel;
        return answer.thrown === undefined ? left : thrown;
      }
      copyWords(stack.words, base * 2, scratch.words, 0, resultSlots * 2);
      const { hostValues, heap } = store;
      if (heap.pinned === 1 && (hostValues.isFull || (heap.isInMemory && !heap.hasRoom(0)))) {
        runner.forgo(answer.fuel);
        return 0;
      }
      return runner.refill(answer.fuel);
    };
  }

  /** Calls a function that stays interpreted; arguments and results pass through the scratch memory. */
  private cross(addr: FuncAddr, depth: number, fuel: number, owed: number): number {
    const { store, scratch } = this;
    const { stack } = store;
    const { params, results } = store.funcType(addr);
    const runner = this.runner as Runner;
    const base = stack.top;
    const [given, back] = [slotsOfAll(params), slotsOfAll(results)];
    stack.widely(() => stack.reserveSlots(base + Math.max(given, back)));
    copyWords(scratch.words, 0, stack.words, base * 2, given * 2);
    const answer = runner.cross(addr, base, depth, fuel, owed);
    this.follow();
    if (answer.done) {
      copyWords(stack.words, base * 2, scratch.words, 0, back * 2);
      return runner.refill(answer.fuel);
    }
    scratch.held = answer.fuel;
    if (answer.thrown === undefined) return left;
    this.flight.host = answer.thrown;
    scratch.thrown = answer.thrown.exception();
    return thrown;
  }

  // Entering

  /** What goes on with a frame at a safe point. */
  enter(addr: FuncAddr, pc: number, runner: Runner): Enter {
    const { instance, index } = this.store.funcs[addr] as FuncInst & { kind: 'wasm' };
    const native = this.instances[instance.addr] as NativeInstance;
    runner.entered = native;
    runner.fresh = pc === 0 ? addr : undefined;
    const rest = continuation(instance.module, index, pc, native.shared);
    return rest.enters.get(native) ?? this.link(rest, native);
  }

  private link(rest: Continuation, native: NativeInstance): Enter {
    const { exports } = new hostWasm.Instance(rest.compiled, this.imports(rest.imports, native));
    for (const mirror of this.mirrors) mirror?.update();
    const enter = exports.run as Enter;
    rest.enters.set(native, enter);
    this.name(rest, native);
    return enter;
  }

  /** Notes what a continuation is called, for traps in it. */
  private name({ name, func, pc, offset }: Rest, { inst: { module }, rewritten }: NativeInstance): void {
    this.rests.delete(name);
    this.rests.set(name, { module, rewritten, rest: { name, func, pc, offset } });
    if (this.rests.size > mostNames) this.rests.delete(this.rests.keys().next().value as string);
  }
}

/** Tells code by which numbers objects of its types are known. */
function numberShapes({ heap }: Store, { context }: Module, exports: WebAssembly.Exports): void {
  for (const type of aggregates(context).keys())
    (exports[shapeGlobal(type)] as WebAssembly.Global).value = heap.numberOf(shapeOf(context.types[type] as DefType));
}

const keyOf = (host: FuncAddr, caller: Home | undefined): string => `${host} ${caller?.inst.addr}`;

export const hasSharedMemory = ({ memories }: Store, inst: InstanceInst): boolean =>
  memories[inst.memories[0] ?? -1]?.shared ?? false;

/** Whether all is its own that code of the module sees, but functions of the host. */
const isClosed = ({ context }: Module): boolean =>
  context.importedTables + context.importedMemories + context.importedGlobals + context.importedTags === 0;

const isSame = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((addr, i) => addr === b[i]);

/** To ask the host for them takes as long as making an instance. */
const importsOf = new WeakMap<HostModule, readonly ImportEntry[]>();

function mainImports({ compiled }: Rewritten): readonly ImportEntry[] {
  const known = importsOf.get(compiled);
  if (known !== undefined) return known;
  const found = hostWasm.Module.imports(compiled).map(
    ({ module, name }): ImportEntry => ({ module, name, is: { kind: 'table' } }),
  );
  importsOf.set(compiled, found);
  return found;
}
