// Sequences of ops that run as one, most useful first. Data: chosen by `npm run fusions` (bench/fusions.ts) from what
// real programs execute most.

export const fusions: readonly (readonly string[])[] = [];
