// The closing table of the demo.

import type { JobStats } from 'wasbox/pool';
import type { Job, Program } from './program.ts';

/** How a job ended. */
export interface Ended {
  readonly program: Program;
  readonly job: Job;
  readonly stats: JobStats;
  readonly right: boolean;
  readonly error?: Error;
}

const head = ['program', 'from', 'jobs', 'right', 'suspensions', 'moves', 'moved', 'in the guest', 'moving'];
/** The first columns are text, the others numbers. */
const textColumns = 2;

export function table(programs: readonly Program[], ends: readonly Ended[]): string[] {
  const rows = programs.map((program) => [
    program.name,
    program.from,
    ...sums(ends.filter((ended) => ended.program === program)),
  ]);
  return layOut([head, ...rows, ['all', '', ...sums(ends)]]);
}

function sums(ends: readonly Ended[]): string[] {
  const sum = (of: (stats: JobStats) => number) => ends.reduce((total, { stats }) => total + of(stats), 0);
  return [
    String(ends.length),
    String(ends.filter(({ right }) => right).length),
    String(sum(({ suspensions }) => suspensions)),
    String(sum(({ moves }) => moves)),
    `${(sum(({ bytesMoved }) => bytesMoved) / 2 ** 20).toFixed(0)} MiB`,
    `${sum(({ guestMs }) => guestMs).toFixed(0)} ms`,
    `${sum(({ movingMs }) => movingMs).toFixed(0)} ms`,
  ];
}

function layOut(rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((_, i) => Math.max(...rows.map((row) => (row[i] as string).length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => (i < textColumns ? cell.padEnd(widths[i] as number) : cell.padStart(widths[i] as number)))
      .join('  ');
  const [first = [], ...rest] = rows;
  return [line(first), widths.map((width) => '-'.repeat(width)).join('  '), ...rest.map(line)];
}
