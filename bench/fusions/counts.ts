// How often the op at each code offset ran, by module.

import type { ModuleCode } from '../../src/interpret/machine/code.ts';

export const counted = new Map<ModuleCode, Float64Array>();

export function countsOf(code: ModuleCode): Float64Array {
  const known = counted.get(code);
  if (known !== undefined && known.length >= code.words.length) return known;
  const wider = new Float64Array(code.words.length);
  wider.set(known ?? []);
  counted.set(code, wider);
  return wider;
}
