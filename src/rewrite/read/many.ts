// Functions with very many safe points, as the loop of an interpreter is. Their landings hand values over to helpers of the
// same module, of the types that values have, and the pc by a global: as words and operands of blocks, the host has to keep
// some ten thousand more values apart, and V8 11 has none in a register from block to block then.

import { mostValues } from './index-spaces.ts';
import type { FunctionShape } from './shape.ts';
import type { Low, LowTypes } from './types.ts';

/** Helpers take values in this order of types, and of each type so many at a time: there are fewer of them then. */
const order: LowTypes = ['i32', 'i64', 'f32', 'f64', 'v128'];
const step = 4;

/** Safe points from which on a function is such a one; and the most slots of its frame, so that a helper can take all values. */
const manyPoints = 256;
const mostSlots = mostValues - order.length * step;

/** Known by the shape alone, as whoever reads what was spilled has to know it, too. */
export const hasMany = ({ points, slots }: FunctionShape): boolean => points.length >= manyPoints && slots <= mostSlots;

/** Values in the order in which a helper takes them; undefined where there is none. */
export function arranged<T extends { readonly type: Low }>(
  values: readonly T[],
): { type: Low; value: T | undefined }[] {
  return order.flatMap((type) => {
    const those = values.filter((value) => value.type === type);
    const size = Math.ceil(those.length / step) * step;
    return Array.from({ length: size }, (_, i) => ({ type, value: those[i] }));
  });
}
