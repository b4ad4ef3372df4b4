// Trap kinds. The kind is the message of the specification's test suite, which has none for a heap that is full,
// nor for functions on strings.

/** All kinds of traps. */
export const trapKinds = [
  'unreachable',
  'integer divide by zero',
  'integer overflow',
  'invalid conversion to integer',
  'out of bounds memory access',
  'out of bounds table access',
  'undefined element',
  'uninitialized element',
  'indirect call type mismatch',
  'call stack exhausted',
  'out of heap memory',
  'null reference',
  'null function reference',
  'null structure reference',
  'null array reference',
  'null i31 reference',
  'null exception reference',
  'out of bounds array access',
  'cast failure',
  'out of bounds string access',
  'invalid code point',
  'unaligned atomic',
  'expected shared memory',
  'uncaught exception',
] as const;

/** What a trap is about. */
export type TrapKind = (typeof trapKinds)[number];
