// What is measured of hostile shapes, and how it is judged.

export const stages = [
  'decode',
  'validate',
  'lower',
  'rewrite',
  'compile',
  'link',
  'first run',
  'native run',
  'save',
] as const;
export type Stage = (typeof stages)[number];

/** The least time of so many rounds counts. */
export const rounds = 9;
/** As long as something seems to grow faster than that, there are more rounds: noise goes, and what is so stays. */
export const settledBelow = 2.5;
export const settlingRounds = 40;
/** Times that begin with a shorter one are the clock's, the compiler's and the collector's as much as the work's. */
export const judgedMs = 1;
/** Units of a first run. */
export const fuel = 100_000;
