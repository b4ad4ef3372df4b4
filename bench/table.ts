// Figures as Markdown.

import type { Figure } from './measure.ts';

export interface Section {
  readonly title: string;
  /** What was measured, and how to read it. */
  readonly text: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const digits = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toPrecision(2);

/** `median (min to max)`. */
export const cell = ({ min, median, max }: Figure, unit = ''): string =>
  `${digits(median)}${unit} (${digits(min)} to ${digits(max)})`;

export function markdown({ title, text, head, rows }: Section): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = head.map((_, i) => (i === 0 ? '---' : '---:'));
  return [`## ${title}`, '', text, '', line(head), line(rule), ...rows.map(line), ''].join('\n');
}
