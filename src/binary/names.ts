// The name section, as far as it can be read. Names help people only: an unreadable part is left out, never an error; they
// stand in each frame of each trace and at each call in the text of a function, so long ones are cut.
// https://webassembly.github.io/spec/core/appendix/custom.html#name-section

import { MalformedError } from '../spec/errors.ts';
import { checkDeadline } from '../spec/patience.ts';
import { cut } from '../spec/told.ts';
import type { Custom, Names } from './module.ts';
import { Reader } from './reader.ts';

type NameMap = Map<number, string>;
interface Draft {
  module?: string;
  readonly funcs: NameMap;
  readonly locals: Map<number, NameMap>;
}

/** By the id of the subsection. */
const readers: readonly ((r: Reader, names: Draft) => void)[] = [
  (r, names) => {
    names.module = cut(r.name());
  },
  (r, { funcs }) => readNameMap(r, funcs),
  (r, { locals }) => {
    for (let left = r.count('names'); left > 0; left--) {
      const names: NameMap = new Map();
      locals.set(r.u32(), names);
      readNameMap(r, names);
    }
  },
];

export function readNames(bytes: Uint8Array, customs: readonly Custom[]): Names {
  const names: Draft = { funcs: new Map(), locals: new Map() };
  const section = customs.findLast(({ name }) => name === 'name');
  if (section !== undefined) attempt(() => readParts(new Reader(bytes, section.data.start, section.data.end), names));
  return names;
}

/** Subsections come once each and in order; so there are only so many to fail. */
function readParts(r: Reader, names: Draft): void {
  for (let next = 0; r.pos < r.end; ) {
    const id = r.byte();
    if (id < next) return;
    next = id + 1;
    const size = r.size();
    const start = r.skip(size);
    attempt(() => readers[id]?.(new Reader(r.bytes, start, start + size), names));
  }
}

function readNameMap(r: Reader, into: NameMap): void {
  for (let left = r.count('names'); left > 0; left--) {
    checkDeadline('decoding');
    into.set(r.u32(), cut(r.name()));
  }
}

function attempt(read: () => void): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
  }
}
