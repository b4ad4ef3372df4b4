// The type section: closes one recursive group after the other and checks declared supertypes.
// https://webassembly.github.io/spec/core/valid/types.html#recursive-types

import type { ModuleSyntax } from '../binary/module.ts';
import { compMatches, type DefType, defineGroup } from '../spec/deftypes.ts';
import { InvalidError } from '../spec/errors.ts';
import { checkDeadline } from '../spec/patience.ts';
import type { CompType, FieldType, RecType, RefType, StorageType, SubType, TypeIdx } from '../spec/types.ts';

/** Fills `types` with the module's types and `refs` with the references to them, as ModuleContext has them. */
export function defineTypes(syntax: ModuleSyntax, types: DefType[], refs: RefType[]): void {
  syntax.types.forEach((group, i) => {
    checkDeadline('validating');
    const offset = syntax.typeOffsets[i] as number;
    const first = types.length;
    checkIndices(group, first, offset);
    defineGroup(group, types);
    group.forEach((sub, k) => {
      checkSupers(sub, first + k, types, offset);
    });
    for (const heap of types.slice(first)) refs.push({ heap, nullable: false }, { heap, nullable: true });
  });
}

/** A type may name itself, those of its group and those before; a supertype must have come before. */
function checkIndices(group: RecType, first: number, offset: number): void {
  const end = first + group.length;
  group.forEach(({ supers, comp }, k) => {
    for (const index of indicesIn(comp)) {
      if (index >= end) throw new InvalidError(`unknown type ${index}`, offset);
    }
    for (const index of supers) {
      if (index >= first + k) throw new InvalidError(`unknown type ${index}`, offset);
    }
  });
}

function* indicesIn(comp: CompType): Generator<TypeIdx> {
  for (const type of storagesOf(comp)) if (typeof type === 'object' && typeof type.heap === 'number') yield type.heap;
}

const storage = (field: FieldType): StorageType => field.storage;

function storagesOf(comp: CompType): readonly StorageType[] {
  if (comp.kind === 'func') return [...comp.params, ...comp.results];
  return comp.kind === 'struct' ? comp.fields.map(storage) : [comp.field.storage];
}

/** https://webassembly.github.io/spec/core/valid/types.html#sub-types */
function checkSupers({ supers }: SubType, index: TypeIdx, types: readonly DefType[], offset: number): void {
  const [parent, ...more] = supers;
  if (more.length > 0) throw new InvalidError(`sub type ${index} has more than one super type`, offset);
  if (parent === undefined) return;
  const type = types[index] as DefType;
  const above = types[parent] as DefType;
  if (above.final || !compMatches(type.comp, above.comp)) {
    throw new InvalidError(`sub type ${index} does not match super type ${parent}`, offset);
  }
}
