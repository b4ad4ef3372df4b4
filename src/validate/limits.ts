// What a body may ask for at most. Beyond those of the JavaScript API two of our own keep hostile bodies cheap to check;
// what a module may hold otherwise is bounded as it is decoded (binary/limits.ts).
// https://webassembly.github.io/spec/js-api/#limits

import { limits as counted } from '../binary/limits.ts';

export const limits = {
  locals: counted.locals,
  'operands of array.new_fixed': 10_000,
  /** Ours: on the stack at once. */
  operands: 100_000,
  /** Ours: blocks within each other. */
  labels: 100_000,
} as const;
