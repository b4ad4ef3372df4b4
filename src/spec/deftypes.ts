// What a type means across modules: recursive groups made canonical, so that equal types are one object;
// and the subtype relation. https://webassembly.github.io/spec/core/valid/matching.html

import type {
  AbsHeapType,
  CompType,
  FieldType,
  HeapType,
  RecType,
  RefType,
  StorageType,
  TypeIdx,
  ValType,
} from './types.ts';

/** A defined type, closed: no type index in it. Two types are equal just if they are the same object. */
export interface DefType {
  /** Unique in this thread among those that there are; not kept in snapshots. */
  readonly id: number;
  /** Those that it was declared with, itself among them: a type that there is keeps all of them. */
  readonly group: readonly DefType[];
  /** For messages: what the type is. */
  readonly name: string;
  readonly final: boolean;
  readonly comp: CompType;
  /** From the outermost supertype down to this type itself: its place in the chain is its depth. */
  readonly chain: readonly DefType[];
}

/**
 * Interned recursive groups that somebody still has, by a key in which references inside the group are relative. Other
 * types are named by their ids there: they last as long as the group, which refers to them.
 */
const groups = new Map<string, WeakRef<readonly DefType[]>>();
const gone = new FinalizationRegistry<{ key: string; ids: readonly number[] }>(({ key, ids }) => {
  freeIds.push(...ids);
  if (groups.get(key)?.deref() === undefined) groups.delete(key);
});
/** Ids are given away again, because code holds them in words of 32 bits: a process could use these up. */
const freeIds: number[] = [];
let nextId = 0;

/** How many groups are kept apart in this thread. */
export const internedGroups = (): number => groups.size;

/** Closes a reference type: indices become what they mean among `types`. */
export function closeValType(type: ValType, types: readonly DefType[]): ValType {
  if (typeof type === 'string' || typeof type.heap !== 'number') return type;
  const heap = types[type.heap];
  return heap === undefined ? type : { heap, nullable: type.nullable };
}

/**
 * Closes one recursive group and appends its types to `types` (those of the module before it).
 * Every index in the group must be below `types.length + group.length`: the caller checks that.
 */
export function defineGroup(group: RecType, types: DefType[]): void {
  const first = types.length;
  const key = groupKey(group, types);
  let defined = groups.get(key)?.deref();
  if (defined === undefined) {
    defined = close(group, first, types);
    groups.set(key, new WeakRef(defined));
    gone.register(defined, { key, ids: defined.map(({ id }) => id) });
  }
  for (const type of defined) types.push(type);
}

function groupKey(group: RecType, types: readonly DefType[]): string {
  const first = types.length;
  const index = (idx: TypeIdx) => (idx >= first ? `.${idx - first}` : `#${types[idx]?.id}`);
  const value = (type: StorageType): string => {
    if (typeof type === 'string') return type;
    const heap =
      typeof type.heap === 'number' ? index(type.heap) : typeof type.heap === 'string' ? type.heap : `#${type.heap.id}`;
    return `${type.nullable ? '?' : '!'}${heap}`;
  };
  const field = (f: FieldType) => `${f.mutable ? 'mut ' : ''}${value(f.storage)}`;
  const comp = (c: CompType) =>
    c.kind === 'func'
      ? `func ${c.params.map(value).join()}>${c.results.map(value).join()}`
      : c.kind === 'struct'
        ? `struct ${c.fields.map(field).join()}`
        : `array ${field(c.field)}`;
  return group
    .map((sub) => `${sub.final ? 'final' : 'sub'} ${sub.supers.map(index).join()} ${comp(sub.comp)}`)
    .join(';');
}

type Draft = { -readonly [K in keyof DefType]: DefType[K] };

function close(group: RecType, first: number, types: readonly DefType[]): readonly DefType[] {
  const own: Draft[] = [];
  for (const _ of group) own.push({ id: freeIds.pop() ?? nextId++, group: own } as Partial<Draft> as Draft);
  const at = (index: TypeIdx) => (index < first ? types[index] : own[index - first]);
  const value = <T extends StorageType>(type: T): T =>
    typeof type === 'string' || typeof type.heap !== 'number'
      ? type
      : ({ heap: at(type.heap), nullable: type.nullable } as unknown as T);
  const field = (f: FieldType): FieldType => ({ storage: value(f.storage), mutable: f.mutable });
  group.forEach((sub, i) => {
    const type = own[i];
    if (type === undefined) return;
    const c = sub.comp;
    type.final = sub.final;
    type.name = `type#${type.id}`;
    type.comp =
      c.kind === 'func'
        ? { kind: 'func', params: c.params.map(value), results: c.results.map(value) }
        : c.kind === 'struct'
          ? { kind: 'struct', fields: c.fields.map(field) }
          : { kind: 'array', field: field(c.field) };
    const parent = sub.supers[0] === undefined ? undefined : at(sub.supers[0]);
    type.chain = [...(parent?.chain ?? []), type];
  });
  return own;
}

/** Which abstract heap type a defined type stands directly below. */
const kindOf = (type: DefType): AbsHeapType => type.comp.kind;

/** For each abstract heap type, the abstract types it is a subtype of (itself aside). */
const above: Record<AbsHeapType, readonly AbsHeapType[]> = {
  func: [],
  nofunc: ['func'],
  extern: [],
  noextern: ['extern'],
  any: [],
  eq: ['any'],
  i31: ['eq', 'any'],
  struct: ['eq', 'any'],
  array: ['eq', 'any'],
  none: ['i31', 'struct', 'array', 'eq', 'any'],
  exn: [],
  noexn: ['exn'],
};

/** The bottom of each hierarchy, below every defined type of it. */
const bottomOf: Record<CompType['kind'], AbsHeapType> = { func: 'nofunc', struct: 'none', array: 'none' };

/** The top of the hierarchy that a heap type belongs to. */
export function topOf(heap: HeapType): 'func' | 'extern' | 'any' | 'exn' {
  const abs = typeof heap === 'object' ? kindOf(heap) : (heap as AbsHeapType);
  const tops = above[abs];
  return (tops.length === 0 ? abs : tops[tops.length - 1]) as 'func' | 'extern' | 'any' | 'exn';
}

/** Heap type `a` <= `b`, both closed. */
export function heapMatches(a: HeapType, b: HeapType): boolean {
  if (a === b) return true;
  if (typeof a === 'object') {
    if (typeof b === 'object') return a.chain[b.chain.length - 1] === b;
    const kind = kindOf(a);
    return kind === b || above[kind].includes(b as AbsHeapType);
  }
  if (typeof b === 'object') return a === bottomOf[b.comp.kind];
  return above[a as AbsHeapType]?.includes(b as AbsHeapType) ?? false;
}

export const refMatches = (a: RefType, b: RefType): boolean =>
  (!a.nullable || b.nullable) && heapMatches(a.heap, b.heap);

/** Value type `a` <= `b`, both closed. https://webassembly.github.io/spec/core/valid/matching.html#value-types */
export function valMatches(a: StorageType, b: StorageType): boolean {
  if (a === b) return true;
  return typeof a === 'object' && typeof b === 'object' && refMatches(a, b);
}

export const valEquals = (a: StorageType, b: StorageType): boolean =>
  a === b || (typeof a === 'object' && typeof b === 'object' && a.nullable === b.nullable && a.heap === b.heap);

export const allMatch = (a: readonly ValType[], b: readonly ValType[]): boolean =>
  a.length === b.length && a.every((type, i) => valMatches(type, b[i] as ValType));

function fieldMatches(a: FieldType, b: FieldType): boolean {
  if (a.mutable !== b.mutable) return false;
  return a.mutable ? valEquals(a.storage, b.storage) : valMatches(a.storage, b.storage);
}

/** Composite type `a` <= `b`, both closed. */
export function compMatches(a: CompType, b: CompType): boolean {
  if (a.kind === 'func' && b.kind === 'func') return allMatch(b.params, a.params) && allMatch(a.results, b.results);
  if (a.kind === 'array' && b.kind === 'array') return fieldMatches(a.field, b.field);
  if (a.kind === 'struct' && b.kind === 'struct')
    return a.fields.length >= b.fields.length && b.fields.every((f, i) => fieldMatches(a.fields[i] as FieldType, f));
  return false;
}

/** Defined type `a` <= `b`. */
export const defMatches = (a: DefType, b: DefType): boolean => a.chain[b.chain.length - 1] === b;

function defineAlone(comp: CompType): DefType {
  const types: DefType[] = [];
  defineGroup([{ final: true, supers: [], comp }], types);
  return types[0] as DefType;
}

/** The canonical type of a function that is no part of a recursive group, as host functions are. */
export const defineFunc = (params: readonly ValType[], results: readonly ValType[]): DefType =>
  defineAlone({ kind: 'func', params, results });

/** That of an array. */
export const defineArray = (field: FieldType): DefType => defineAlone({ kind: 'array', field });
