// The tables of ratios, and the plot of them.

import { geometricMean } from '../measure/measure.ts';
import type { Section } from '../measure/table.ts';
import { endAsyncify } from './asyncify.ts';
import { columns } from './columns.ts';
import { type Comparison, compare } from './compare.ts';
import { packageTasks } from './packages.ts';
import { type Group, plot } from './plot.ts';
import { kernelTasks, plainTasks, type Task } from './task.ts';

const names = columns.map(({ name }) => name);
const measured: Group[] = [];

const how =
  'Processor time as a ratio to the same module on the host, un-instrumented; the tenth percentile of runs in turns, each answer compared with the host’s. `native` is our native code, fuel and suspension on; `Asyncify` can unwind at every call and counts nothing; `preemptible Asyncify` counts at every function entry and loop head, and can unwind there.';

export const kernelRatios = async (): Promise<Section> => section('Kernels', await kernelTasks(), how);

export const programRatios = async (): Promise<Section> =>
  section(
    'Programs',
    [...plainTasks(), ...packageTasks],
    `As above, through the scripts of the programs' own packages, which find \`wasbox/webassembly\` where they look for \`WebAssembly\`. \`–\`: Binaryen does not get through a module of 14 MB in reasonable time.`,
  );

async function section(title: string, tasks: readonly Task[], text: string): Promise<Section> {
  const comparisons: Comparison[] = [];
  for (const task of tasks) {
    comparisons.push(await compare(task));
    console.error(`${task.name} is done`);
  }
  await endAsyncify();
  measured.push({ title, comparisons });
  return {
    title,
    text: `${text} ${against(comparisons)}`,
    head: ['work', 'host, ms', ...names],
    rows: [...comparisons.map(row), means(comparisons)],
  };
}

const row = ({ task, hostMs, ratios }: Comparison): string[] => [
  task,
  hostMs.toFixed(1),
  ...names.map((name) => ratios.get(name)?.toFixed(2) ?? '–'),
];

const ratiosOf = (comparisons: readonly Comparison[], name: string): number[] =>
  comparisons.flatMap(({ ratios }) => ratios.get(name) ?? []);

const means = (comparisons: readonly Comparison[]): string[] => [
  '**geometric mean**',
  '',
  ...names.map((name) => `**${geometricMean(ratiosOf(comparisons, name)).toFixed(2)}**`),
];

function against(comparisons: readonly Comparison[]): string {
  const times = comparisons.flatMap(({ ratios }) => {
    const [ours, theirs] = [ratios.get('native'), ratios.get('preemptible Asyncify')];
    return ours === undefined || theirs === undefined ? [] : theirs / ours;
  });
  return `Preemptible Asyncify takes ${geometricMean(times).toFixed(2)} times as long as \`native\` (geometric mean).`;
}

/** What was measured so far as a picture, if it was. */
export const picture = (machine: string): string | undefined =>
  measured.length === 0 ? undefined : plot(measured, names, machine);
