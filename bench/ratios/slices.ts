// What it costs to leave native code and to go on every few milliseconds.

import { Module, VM } from 'wasbox';
import { cpuTime, geometricMean, tenth } from '../measure/measure.ts';
import type { Section } from '../measure/table.ts';
import { assemble } from '../measure/work.ts';

const rounds = 11;
const lengths = [10, 1];

/** One call of a tenth of a second or so. */
const sizes: Readonly<Record<string, number>> = {
  fib: 35,
  matmul: 400,
  nbody: 200_000,
  sha: 30_000_000,
  mix: 80_000_000,
  indirect: 10_000_000,
  switch: 50_000_000,
  copy: 6000,
  collatz: 600_000,
};

export async function nativeSlices(): Promise<Section> {
  const rows: string[][] = [];
  const all: number[][] = lengths.map(() => []);
  for (const [name, size] of Object.entries(sizes)) {
    const { whole, ratios } = await sliced(name, size);
    ratios.forEach((ratio, i) => {
      all[i]?.push(ratio);
    });
    rows.push([name, whole.toFixed(0), ...ratios.map((ratio) => ratio.toFixed(3))]);
  }
  const means = all.map((ratios) => `**${geometricMean(ratios).toFixed(3)}**`);
  return {
    title: 'Slices of native code',
    text: `Processor time in slices as a ratio to that of one run without a bound, on the same engine and in turns; the tenth percentile of ${rounds}. The fuel of a slice is what the whole run uses in that time.`,
    head: ['work', 'whole, ms', ...lengths.map((length) => `slices of ${length} ms`)],
    rows: [...rows, ['**geometric mean**', '', ...means]],
  };
}

async function sliced(name: string, size: number): Promise<{ whole: number; ratios: number[] }> {
  const vm = new VM({ engine: 'native' });
  const run = vm.instantiate(Module.from(await assemble(name))).func('run');
  const act = (fuel: number) => () => {
    vm.start(run, [size]);
    for (;;) {
      const outcome = vm.run({ fuel });
      if (outcome.status === 'trapped') throw outcome.trap;
      if (outcome.status === 'returned') return outcome.values[0];
    }
  };
  const expected = act(Number.POSITIVE_INFINITY)();
  const used = vm.fuelUsed;
  const ms = await cpuTime(act(Number.POSITIVE_INFINITY));
  const acts = [Number.POSITIVE_INFINITY, ...lengths.map((length) => Math.ceil((used * length) / ms))].map(act);
  const times: number[][] = acts.map(() => []);
  for (const go of acts) if (go() !== expected) throw new Error(`${name}: the answer in slices is another one`);
  for (let round = 0; round < rounds; round++) for (const [i, go] of acts.entries()) times[i]?.push(await cpuTime(go));
  const [whole = Number.NaN, ...parts] = times.map(tenth);
  return { whole, ratios: parts.map((part) => part / whole) };
}
