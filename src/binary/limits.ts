// How much of everything a module may hold. Engines agree on these, so that a module that loads here loads elsewhere.
// Memory sizes and stack depth are the VM's to limit.
// https://webassembly.github.io/spec/js-api/#limits

export const limits = {
  types: 1_000_000,
  'types in a recursive group': 1_000_000,
  supertypes: 1_000_000,
  functions: 1_000_000,
  imports: 1_000_000,
  exports: 1_000_000,
  globals: 1_000_000,
  tags: 1_000_000,
  tables: 100_000,
  memories: 100,
  'data segments': 100_000,
  'element segments': 10_000_000,
  elements: 10_000_000,
  parameters: 1_000,
  results: 1_000,
  fields: 10_000,
  'runs of locals': 50_000,
  locals: 50_000,
  'br_table labels': 65_520,
  'catch clauses': 100_000,
  names: 10_000_000,
} as const;
export type Counted = keyof typeof limits;

export const maxModuleBytes = 2 ** 30;
export const maxBodyBytes = 7_654_321;
/** How many supertypes a type may have, its parent's included. */
export const maxSubtypeDepth = 63;
