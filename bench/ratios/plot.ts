// Draws ratios as an SVG: a row a program, a mark an engine, on a logarithmic axis. Colours follow the reader's theme.

import type { Comparison } from './compare.ts';

export interface Group {
  readonly title: string;
  readonly comparisons: readonly Comparison[];
}

const left = 150;
const width = 760;
const right = 30;
const rowHeight = 22;
const groupGap = 34;
const top = 64;
const ticks = [0.5, 1, 2, 5, 10, 20, 50, 100];
const [least, most] = [0.7, 110];

/** Told apart by shape as well as by colour. */
const marks: readonly { readonly colour: string; draw(x: number, y: number): string }[] = [
  { colour: 'a', draw: (x, y) => `<circle cx="${x}" cy="${y}" r="5.5"/>` },
  { colour: 'b', draw: (x, y) => `<path d="M${x} ${y - 6}l6 6-6 6-6-6z"/>` },
  { colour: 'c', draw: (x, y) => `<rect x="${x - 4.5}" y="${y - 4.5}" width="9" height="9"/>` },
  { colour: 'd', draw: (x, y) => `<path d="M${x} ${y - 6}l6 11h-12z"/>` },
];

const style = `
text{font:13px system-ui,sans-serif;fill:#24292f}
.small{font-size:12px;fill:#57606a}
.title{font-weight:600}
.grid{stroke:#d0d7de;stroke-width:1}
.one{stroke:#57606a;stroke-width:1.5}
.a{fill:#0969da}.b{fill:#bf8700}.c{fill:#cf222e}.d{fill:#8250df}
.back{fill:#fff}
@media (prefers-color-scheme:dark){
text{fill:#e6edf3}.small{fill:#9198a1}.grid{stroke:#3d444d}.one{stroke:#9198a1}
.a{fill:#4493f8}.b{fill:#d29922}.c{fill:#f85149}.d{fill:#ab7df8}.back{fill:#0d1117}
}`;

const across = (ratio: number): number => {
  const bounded = Math.min(most, Math.max(least, ratio));
  const part = Math.log(bounded / least) / Math.log(most / least);
  return round(left + part * (width - left - right));
};
const round = (value: number): number => Math.round(value * 10) / 10;
const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

export function plot(groups: readonly Group[], engines: readonly string[], subtitle: string): string {
  const rows = groups.reduce((sum, { comparisons }) => sum + comparisons.length, 0);
  const bottom = top + groups.length * groupGap + rows * rowHeight;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${bottom + 44}" role="img" aria-label="Time as a ratio to the host's own, per program and engine">`,
    `<style>${style}\n</style>`,
    `<rect class="back" width="${width}" height="${bottom + 44}" rx="6"/>`,
    legend(engines),
    grid(bottom),
    ...bodies(groups, engines),
    `<text class="small" x="${left}" y="${bottom + 36}">times the host's own time, on a logarithmic scale; less is better. ${escaped(subtitle)}</text>`,
    '</svg>',
  ];
  return `${parts.join('\n')}\n`;
}

function legend(engines: readonly string[]): string {
  let x = left;
  return engines
    .map((name, i) => {
      const at = x;
      x += 40 + name.length * 7.2;
      return `${mark(i, round(at), 26)}<text x="${round(at + 12)}" y="30">${escaped(name)}</text>`;
    })
    .join('\n');
}

function grid(bottom: number): string {
  return ticks
    .filter((tick) => tick >= least && tick <= most)
    .map((tick) => {
      const x = across(tick);
      const line = `<path class="${tick === 1 ? 'one' : 'grid'}" d="M${x} ${top - 8}V${bottom}"/>`;
      return `${line}<text class="small" x="${x}" y="${bottom + 16}" text-anchor="middle">${tick}×</text>`;
    })
    .join('\n');
}

function* bodies(groups: readonly Group[], engines: readonly string[]): Generator<string> {
  let y = top;
  for (const { title, comparisons } of groups) {
    yield `<text class="title" x="${left - 14}" y="${y + 16}" text-anchor="end">${escaped(title)}</text>`;
    y += groupGap;
    for (const comparison of comparisons) {
      yield row(comparison, engines, y);
      y += rowHeight;
    }
  }
}

function row({ task, ratios }: Comparison, engines: readonly string[], y: number): string {
  const drawn = engines.map((name, i) => {
    const ratio = ratios.get(name);
    return ratio === undefined ? '' : mark(i, across(ratio), y);
  });
  // The first is the one that matters: it is drawn last, on top of the others.
  return `<text x="${left - 14}" y="${y + 4}" text-anchor="end">${escaped(task)}</text>${drawn.reverse().join('')}`;
}

function mark(i: number, x: number, y: number): string {
  const { colour, draw } = marks[i % marks.length] as (typeof marks)[number];
  return `<g class="${colour}">${draw(x, y)}</g>`;
}
