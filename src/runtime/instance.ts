// What instances export, as addresses in the store.
// https://webassembly.github.io/spec/core/exec/runtime.html#external-values

import type { ExternKind } from '../spec/types.ts';
import type { InstanceInst } from './store.ts';

/** Something in a store that one module exports and another imports. */
export interface ExternVal {
  readonly kind: ExternKind;
  readonly addr: number;
}

const spaces = {
  func: 'funcs',
  table: 'tables',
  memory: 'memories',
  global: 'globals',
  tag: 'tags',
} as const satisfies Record<ExternKind, keyof InstanceInst>;

/** What the instance exports by a name. */
export function exported(instance: InstanceInst, name: string): ExternVal | undefined {
  const found = instance.module.exportNamed(name);
  if (found === undefined) return undefined;
  return { kind: found.kind, addr: instance[spaces[found.kind]][found.index] as number };
}
