// Section ids, names, and the order in which they must come.
// https://webassembly.github.io/spec/core/binary/modules.html#sections

export interface Section {
  readonly id: number;
  readonly name: string;
}

/** In the order the binary format demands; a custom section (id 0) may stand anywhere. */
export const sections = [
  { id: 1, name: 'type' },
  { id: 2, name: 'import' },
  { id: 3, name: 'function' },
  { id: 4, name: 'table' },
  { id: 5, name: 'memory' },
  { id: 13, name: 'tag' },
  { id: 6, name: 'global' },
  { id: 7, name: 'export' },
  { id: 8, name: 'start' },
  { id: 9, name: 'element' },
  { id: 12, name: 'data count' },
  { id: 10, name: 'code' },
  { id: 11, name: 'data' },
] as const satisfies readonly Section[];

export type SectionName = (typeof sections)[number]['name'];
