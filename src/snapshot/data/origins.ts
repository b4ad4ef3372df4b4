// Where each entity of a store comes from: written down by a save, turned back into types by a restore. The types
// themselves are not saved: they follow from the modules, except for what the host made.

import { type ExternType, externMatches } from '../../link/match.ts';
import type { Module } from '../../runtime/module/module.ts';
import { globalWords, type Store } from '../../runtime/store.ts';
import { type DefType, defineFunc } from '../../spec/deftypes.ts';
import { SnapshotError } from '../../spec/errors.ts';
import { quoted } from '../../spec/told.ts';
import {
  type ExternKind,
  type FuncType,
  type GlobalType,
  isRef,
  type MemType,
  type TableType,
  typeName,
  typeNamed,
  type ValType,
} from '../../spec/types.ts';
import type { ModuleContext } from '../../validate/context.ts';
import { checkLimits, checkMemory } from '../../validate/sizes.ts';
import { bad } from './form.ts';
import {
  byKind,
  externKinds,
  hostMade,
  type SavedGlobalType,
  type SavedMemType,
  type SavedSignature,
  type SavedTableType,
  type SnapshotData,
  spaces,
} from './format.ts';

type Origins = Pick<SnapshotData, 'origins' | 'made'>;

export interface StoreTypes {
  readonly func: readonly DefType[];
  readonly table: readonly TableType[];
  readonly memory: readonly MemType[];
  readonly global: readonly GlobalType[];
  readonly tag: readonly DefType[];
}

// Writing.

export function saveOrigins(store: Store): Origins {
  const origins = byKind((kind) => declared(store, kind));
  return { origins, made: madeByHost(store, origins) };
}

const entities = (store: Store, kind: ExternKind): readonly { readonly type: unknown }[] =>
  ({ func: store.funcs, table: store.tables, memory: store.memories, global: store.globals, tag: store.tags })[kind];

/** (instance, index) of what instances declare; the rest is (-1, n). */
function declared(store: Store, kind: ExternKind): Int32Array {
  const count = entities(store, kind).length;
  const words = new Int32Array(count * 2).fill(hostMade);
  const { of, imported } = spaces[kind];
  for (const instance of store.instances) {
    const addresses = of(instance);
    for (let i = imported(instance.module.context); i < addresses.length; i++) {
      const at = (addresses[i] as number) * 2;
      words[at] = instance.addr;
      words[at + 1] = i;
    }
  }
  for (let i = 0, n = 0; i < words.length; i += 2) if (words[i] === hostMade) words[i + 1] = n++;
  return words;
}

function madeByHost(store: Store, origins: Readonly<Record<ExternKind, Int32Array>>): Origins['made'] {
  const made = <T>(kind: ExternKind, save: (addr: number) => T): T[] => {
    const saved: T[] = [];
    const words = origins[kind];
    for (let at = 0; at < words.length; at += 2) if (words[at] === hostMade) saved.push(save(at / 2));
    return saved;
  };
  const funcs = firstImports(store, 'func');
  const tags = firstImports(store, 'tag');
  return {
    func: made('func', (addr) => saveHostFunc(store, addr, funcs)),
    table: made('table', (addr) => saveTableType(store.tables[addr]?.type as TableType, `table ${addr}`)),
    memory: made('memory', (addr) => saveMemType(store.memories[addr]?.type as MemType)),
    global: made('global', (addr) => saveGlobalType(store.globals[addr]?.type as GlobalType, `global ${addr}`)),
    tag: made('tag', (addr) => tags.get(addr) ?? saveSignature(store.tags[addr]?.type as DefType, `tag ${addr}`)),
  };
}

/** The instance that first imports an address, at the type that the host gave it. */
function firstImports(store: Store, kind: 'func' | 'tag'): ReadonlyMap<number, SavedSignature> {
  const first = new Map<number, SavedSignature>();
  const { of, imported } = spaces[kind];
  for (const instance of store.instances) {
    const { context } = instance.module;
    const addresses = of(instance);
    for (let i = 0; i < imported(context); i++) {
      const addr = addresses[i] as number;
      const type = entities(store, kind)[addr]?.type;
      if (!first.has(addr) && type === context[kind === 'func' ? 'funcs' : 'tags'][i])
        first.set(addr, { instance: instance.addr, index: i });
    }
  }
  return first;
}

function saveHostFunc(store: Store, addr: number, imports: ReadonlyMap<number, SavedSignature>) {
  const func = store.funcs[addr];
  if (func?.kind !== 'host') throw new SnapshotError('belongs to no instance', `function ${addr}`);
  const type = imports.get(addr) ?? saveSignature(func.type, `function ${addr}`);
  return { module: func.module, name: func.name, type };
}

function saveSignature(type: DefType, where: string): SavedSignature {
  const { params, results } = type.comp as FuncType;
  if (type !== defineFunc(params, results)) bad('made by the host with a type that only a module declares', where);
  return { params: params.map((t) => saveType(t, where)), results: results.map((t) => saveType(t, where)) };
}

function saveType(type: ValType, where: string): string {
  if (isRef(type) && typeof type.heap !== 'string')
    bad('made by the host with a type that only a module declares', where);
  return typeName(type);
}

const saveSizes = ({ addr, limits: { min, max } }: MemType | TableType) => ({ addr, min, max: max ?? null });

const saveTableType = (type: TableType, where: string): SavedTableType => ({
  ...saveSizes(type),
  ref: saveType(type.ref, where),
});

const saveMemType = (type: MemType): SavedMemType => ({
  ...saveSizes(type),
  shared: type.shared,
  pageLog2: type.pageLog2,
});

const saveGlobalType = ({ type, mutable }: GlobalType, where: string): SavedGlobalType => ({
  type: saveType(type, where),
  mutable,
});

// Reading.

/**
 * Whether there are as many of everything as instances declare and the host made: so nothing is looked at, or made, that
 * is not there. Throws SnapshotError.
 */
export function checkSpaces(data: SnapshotData, contexts: readonly ModuleContext[]): void {
  for (const kind of externKinds) {
    let count = data.made[kind].length;
    contexts.forEach((context, i) => {
      const declared = spaces[kind].types(context).length;
      const given = data.instances[i]?.spaces[kind].length;
      if (given !== declared) bad(`has ${given} ${kind}s, ${declared} expected`, `instance ${i}`);
      count += declared - spaces[kind].imported(context);
    });
    const told = data.origins[kind].length / 2;
    if (!Number.isInteger(told)) bad('has half an origin', `${kind}s`);
    if (told !== count) bad(`${told} origins, ${count} expected`, `${kind}s`);
  }
  const { origins, tables, memories, globals } = data;
  if (tables.length !== origins.table.length / 2) bad('not as many as their origins', 'tables');
  if (memories.length !== origins.memory.length / 2) bad('not as many as their origins', 'memories');
  if (globals.length !== (origins.global.length / 2) * globalWords) bad('not as many as their origins', 'globals');
}

/** The types of all entities. Throws SnapshotError where an origin is none, or where it does not agree with instances. */
export function restoreTypes(data: SnapshotData, contexts: readonly ModuleContext[]): StoreTypes {
  const r = new TypeReader(data, contexts);
  return {
    func: r.all('func', (n, where) => r.signature(data.made.func[n]?.type, 'func', where)),
    table: r.all('table', (n, where) => tableType(data.made.table[n], where)),
    memory: r.all('memory', (n, where) => memType(data.made.memory[n], where)),
    global: r.all('global', (n, where) => globalType(data.made.global[n], where)),
    tag: r.all('tag', (n, where) => r.signature(data.made.tag[n], 'tag', where)),
  };
}

class TypeReader {
  constructor(
    private readonly data: SnapshotData,
    /** By instance. */
    private readonly contexts: readonly ModuleContext[],
  ) {}

  all<K extends ExternKind>(
    kind: K,
    made: (n: number, where: string) => StoreTypes[K][number],
  ): StoreTypes[K][number][] {
    const words = this.data.origins[kind];
    let next = 0;
    const types = Array.from({ length: words.length / 2 }, (_, addr) => {
      const [instance, index] = [words[addr * 2] as number, words[addr * 2 + 1] as number];
      if (instance !== hostMade) return this.declared(kind, addr, instance, index) as StoreTypes[K][number];
      const where = `${kind} ${addr}`;
      if (index !== next++) bad('made by the host, and out of order', where);
      return made(index, where);
    });
    if (next !== this.data.made[kind].length) bad('made by the host, and not in the store', `${kind}s`);
    return types;
  }

  /** An instance declares what its own index space has at the index, past the imports. */
  private declared(kind: ExternKind, addr: number, instance: number, index: number): unknown {
    const context = this.contexts[instance] ?? bad(`of an unknown instance, ${instance}`, `${kind} ${addr}`);
    if (index < spaces[kind].imported(context)) bad('comes from an import', `${kind} ${addr}`);
    if (this.data.instances[instance]?.spaces[kind][index] !== addr)
      bad('its instance has something else', `${kind} ${addr}`);
    return spaces[kind].types(context)[index];
  }

  signature(saved: SavedSignature | undefined, kind: 'func' | 'tag', where: string): DefType {
    if (saved === undefined) return bad('made by the host, and not told', where);
    if ('params' in saved)
      return defineFunc(
        saved.params.map((name) => valType(name, where)),
        saved.results.map((name) => valType(name, where)),
      );
    const context = this.contexts[saved.instance] ?? bad('typed by an unknown instance', where);
    const type = context[kind === 'func' ? 'funcs' : 'tags'][saved.index];
    return type ?? bad('typed by something that its instance does not have', where);
  }
}

const valType = (name: string, where: string): ValType => typeNamed(name) ?? bad(`${quoted(name)} is no type`, where);

function tableType(saved: SavedTableType | undefined, where: string): TableType {
  if (saved === undefined) return bad('made by the host, and not told', where);
  const ref = valType(saved.ref, where);
  if (!isRef(ref)) return bad('its elements are no references', where);
  const limits = sizes(saved);
  const bits = saved.addr === 'i32' ? 32n : 64n;
  inSnapshot(where, () => checkLimits(limits, 2n ** bits - 1n, 'table size is out of range', 0));
  return { addr: saved.addr, limits, ref };
}

function memType(saved: SavedMemType | undefined, where: string): MemType {
  if (saved === undefined) return bad('made by the host, and not told', where);
  const { addr, shared, pageLog2 } = saved;
  return inSnapshot(where, () => checkMemory({ addr, limits: sizes(saved), shared, pageLog2 }, 0));
}

function globalType(saved: SavedGlobalType | undefined, where: string): GlobalType {
  if (saved === undefined) return bad('made by the host, and not told', where);
  return { type: valType(saved.type, where), mutable: saved.mutable };
}

const sizes = ({ min, max }: SavedTableType | SavedMemType) => (max === null ? { min } : { min, max });

function inSnapshot<T>(where: string, check: () => T): T {
  try {
    return check();
  } catch (cause) {
    throw new SnapshotError('its type is not valid', where, { cause });
  }
}

/** Checks an instance's imports against what they are given, as linking does. */
export function checkImports(
  data: SnapshotData,
  instance: number,
  context: ModuleContext,
  given: (kind: ExternKind, addr: number) => ExternType | undefined,
): void {
  for (const kind of externKinds) {
    const addresses = data.instances[instance]?.spaces[kind] as Int32Array;
    const types = spaces[kind].types(context);
    const where = `instance ${instance}`;
    for (let i = 0; i < spaces[kind].imported(context); i++) {
      const extern = given(kind, addresses[i] as number);
      const expected = { kind, type: types[i] } as ExternType;
      if (extern === undefined || !externMatches(extern, expected))
        bad(`import ${i} of its ${kind}s does not match`, where);
    }
  }
}

/**
 * Whether all that the host made is what some instance imports; a host function is so under its own name and type. A
 * fresh VM has nothing else of the host's. Throws SnapshotError.
 */
export function checkMade(data: SnapshotData, modules: readonly Module[], types: StoreTypes): void {
  for (const kind of externKinds) {
    const isImported = new Uint8Array(data.origins[kind].length / 2);
    modules.forEach((module, i) => {
      const addresses = data.instances[i]?.spaces[kind] as Int32Array;
      importsOf(module, kind).forEach((name, k) => {
        const addr = addresses[k] as number;
        if (kind !== 'func' || isGiven(data, types, addr, name, module.context.funcs[k])) isImported[addr] = 1;
      });
    });
    isImported.forEach((imported, addr) => {
      if (imported === 0 && data.origins[kind][addr * 2] === hostMade)
        bad('made by the host, and no instance imports it', `${kind} ${addr}`);
    });
  }
}

const importsOf = ({ syntax }: Module, kind: ExternKind) => syntax.imports.filter(({ desc }) => desc.kind === kind);

/** Whether the host function at the address is what the import asks for, and nothing that was passed on. */
function isGiven(
  { origins, made }: SnapshotData,
  types: StoreTypes,
  addr: number,
  { module, name }: { readonly module: string; readonly name: string },
  type: DefType | undefined,
): boolean {
  if (origins.func[addr * 2] !== hostMade) return false;
  const func = made.func[origins.func[addr * 2 + 1] as number];
  return func?.module === module && func.name === name && types.func[addr] === type;
}
