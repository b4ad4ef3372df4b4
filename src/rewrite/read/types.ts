// Types of the rewritten module. Every function takes two numbers more, `depth` (how much of the native stack is left) and
// `fuel`, and gives the fuel that is left as its last result. A reference is an i64, the two words that the store has for
// it (runtime/value.ts), low word first; so nothing of the host's own references is ever in a guest's hands.

import { numCodes } from '../../binary/types.ts';
import type { Writer } from '../../binary/writer.ts';
import type { FuncType, ValType } from '../../spec/types.ts';
import { GrowthError } from './growth.ts';

/** A type of the rewritten module's values. */
export type Low = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';
export type LowTypes = readonly Low[];

/** A local of a rewritten function. */
export interface Local {
  readonly index: number;
  readonly type: Low;
}

export const lowOf = (type: ValType | 'bot'): Low => (typeof type === 'object' || type === 'bot' ? 'i64' : type);
export const lowAll = (types: readonly (ValType | 'bot')[]): LowTypes => types.map(lowOf);

export const slotsOfLow = (type: Low): number => (type === 'v128' ? 2 : 1);
export const slotsOfLows = (types: LowTypes): number => types.reduce((sum, type) => sum + slotsOfLow(type), 0);

export const codeOfLow = (type: Low): number => numCodes[type];

/** The rewritten type of a guest function. */
export const functionParams = ({ params }: FuncType): LowTypes => [...lowAll(params), 'i32', 'i32'];
export const functionResults = ({ results }: FuncType): LowTypes => [...lowAll(results), 'i32'];

const keyOf = (params: LowTypes, results: LowTypes): string => `${params.join(' ')}>${results.join(' ')}`;

/** The type section of a module that is being written. */
export class TypeSection {
  private readonly types: { readonly params: LowTypes; readonly results: LowTypes }[] = [];
  private readonly known = new Map<string, number>();

  /** For at most so many types. */
  constructor(private readonly most = Number.POSITIVE_INFINITY) {}

  /** The index of a type, added where it is new. */
  index(params: LowTypes, results: LowTypes): number {
    return this.known.get(keyOf(params, results)) ?? this.append(params, results);
  }

  /** Adds a type at the next index, known or not. Throws GrowthError where there is no room for it. */
  append(params: LowTypes, results: LowTypes): number {
    if (this.types.length >= this.most) throw new GrowthError(`would have more than ${this.most} types`);
    const index = this.types.push({ params, results }) - 1;
    const key = keyOf(params, results);
    if (!this.known.has(key)) this.known.set(key, index);
    return index;
  }

  write(w: Writer): void {
    w.list(this.types, (w, { params, results }) => {
      w.byte(0x60);
      writeTypes(w, params);
      writeTypes(w, results);
    });
  }
}

function writeTypes(w: Writer, types: LowTypes): void {
  w.u32(types.length);
  for (const type of types) w.byte(codeOfLow(type));
}

/** Locals as the binary format wants them: runs of equal types. */
export function writeLocals(w: Writer, types: LowTypes): void {
  const runs: { count: number; type: Low }[] = [];
  for (const type of types) {
    const last = runs[runs.length - 1];
    if (last?.type === type) last.count++;
    else runs.push({ count: 1, type });
  }
  w.list(runs, (w, { count, type }) => {
    w.u32(count);
    w.byte(codeOfLow(type));
  });
}
