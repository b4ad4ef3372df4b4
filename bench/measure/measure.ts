// Timing. A figure is the least, the median and the most of its samples, and says how many they are; two things that
// are compared take turns, so that whatever else the machine does hits both.

export interface Figure {
  readonly min: number;
  readonly median: number;
  readonly max: number;
  readonly samples: number;
}

export function figure(samples: readonly number[]): Figure {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (i: number) => sorted[i] as number;
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? at(middle) : (at(middle - 1) + at(middle)) / 2;
  return { min: at(0), median, max: at(sorted.length - 1), samples: sorted.length };
}

export const mapFigure = ({ min, median, max, samples }: Figure, map: (value: number) => number): Figure => {
  const [a, b] = [map(min), map(max)];
  return { min: Math.min(a, b), median: map(median), max: Math.max(a, b), samples };
};

type Act = () => unknown;

/** Milliseconds of one run; what is quick runs several times. */
export async function time(act: Act, repeats = 1): Promise<number> {
  const started = performance.now();
  for (let i = 0; i < repeats; i++) await act();
  return (performance.now() - started) / repeats;
}

/** What takes less, in ms, is repeated. */
const shortest = 5;
const mostRepeats = 100;

const repeatsOf = async (act: Act): Promise<number> =>
  Math.max(1, Math.min(mostRepeats, Math.ceil(shortest / (await time(act)))));

/** Milliseconds of `act`, after one run that is not counted. */
export async function measure(samples: number, act: Act): Promise<Figure> {
  await act();
  const times: number[] = [];
  for (let i = 0; i < samples; i++) times.push(await time(act));
  return figure(times);
}

export interface Duel {
  readonly a: Figure;
  readonly b: Figure;
  /** Of each pair: a / b, and a - b. */
  readonly ratio: Figure;
  readonly difference: Figure;
}

/** The host's compiler needs a while to see what is worth its work, the more so for the interpreter's loop. */
const warmUpMs = 1500;

/** Does it for that long, at least once. */
export async function warmUp(act: Act): Promise<void> {
  const end = performance.now() + warmUpMs;
  do await act();
  while (performance.now() < end);
}

/** Times two acts in turns: a b a b …, once both are warm. */
export async function duel(samples: number, a: Act, b: Act): Promise<Duel> {
  await warmUp(a);
  await warmUp(b);
  const repeats = [await repeatsOf(a), await repeatsOf(b)];
  const pairs: [number, number][] = [];
  for (let i = 0; i < samples; i++) pairs.push([await time(a, repeats[0]), await time(b, repeats[1])]);
  return {
    a: figure(pairs.map(([x]) => x)),
    b: figure(pairs.map(([, y]) => y)),
    ratio: figure(pairs.map(([x, y]) => x / y)),
    difference: figure(pairs.map(([x, y]) => x - y)),
  };
}

/** Milliseconds of the processor, so that what else the machine does counts less. */
export async function cpuTime(act: Act): Promise<number> {
  const before = process.cpuUsage();
  await act();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** The sample that such a part of all lies below. */
export const quantile = (samples: readonly number[], part: number): number =>
  samples.toSorted((a, b) => a - b)[Math.min(samples.length - 1, Math.floor(samples.length * part))] ?? Number.NaN;

/** The tenth percentile: of what is only ever disturbed to be slower. */
export const tenth = (times: readonly number[]): number => quantile(times, 0.1);

export const geometricMean = (values: readonly number[]): number =>
  Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
