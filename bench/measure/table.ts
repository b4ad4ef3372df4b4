// Figures as Markdown.

import type { Figure } from './measure.ts';

export interface Section {
  readonly title: string;
  /** What was measured, and how to read it. */
  readonly text: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Three digits or a few more, never an exponent. */
function digits(value: number): string {
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
}

/** `median (min to max)`. */
export const cell = ({ min, median, max }: Figure, unit = ''): string =>
  `${digits(median)}${unit} (${digits(min)} to ${digits(max)})`;

export function markdown({ title, text, head, rows }: Section): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = head.map((_, i) => (i === 0 ? '---' : '---:'));
  return [`## ${title}`, '', text, '', line(head), line(rule), ...rows.map(line), ''].join('\n');
}
