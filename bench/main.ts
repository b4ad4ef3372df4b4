// Measures, and writes RESULTS.md and ratios.svg, or RESULTS.node24.md and so on for another Node than the oldest that is
// supported. `npm run bench -- kernels slices` measures these parts only, and writes nothing. Asserts nothing about time:
// a figure is for people to judge. That all engines give the same answers is asserted. The stack that `npm run bench` asks
// for is for Asyncify: with checks in it, QuickJS does not run in what Node gives by itself.

import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { batches, wholeLives } from './batch/section.ts';
import { corpus } from './corpus/section.ts';
import { deadlines } from './deadlines.ts';
import { eventLoop } from './eventloop/section.ts';
import { execution } from './execution.ts';
import { objects } from './gc/section.ts';
import { hostileGrowth } from './growth/section.ts';
import { javascript, tokens, waitingPrograms } from './javascript/section.ts';
import { latency } from './latency/latency.ts';
import { moving } from './latency/moving.ts';
import { slices, snapshots } from './latency/snapshots.ts';
import { many } from './many/section.ts';
import { markdown } from './measure/table.ts';
import { prices } from './prices/section.ts';
import { queues } from './queue/section.ts';
import { kernelRatios, picture, programRatios } from './ratios/section.ts';
import { nativeSlices } from './ratios/slices.ts';
import { firstResults } from './startup/first.ts';
import { growth, stages } from './startup/stages.ts';
import { rewriting, startup } from './startup/startup.ts';
import { checkpoints, forks } from './state/section.ts';
import { sleepers } from './state/sleepers.ts';
import { cuts, talking, waiters } from './talk/section.ts';
import { wasiPrograms, wasiSaves } from './wasi.ts';

const parts = {
  kernels: [kernelRatios],
  programs: [programRatios],
  corpus: [corpus],
  slices: [nativeSlices, slices],
  interpreter: [execution],
  gc: [objects],
  modules: [stages, growth],
  growth: [hostileGrowth],
  startup: [rewriting, startup],
  first: [firstResults],
  eventloop: [eventLoop],
  snapshots: [snapshots],
  state: [checkpoints, forks],
  sleepers: [sleepers],
  talk: [talking, waiters, cuts],
  batch: [batches, wholeLives],
  queue: [queues],
  many: [many],
  moving: [moving],
  wasi: [wasiPrograms, wasiSaves],
  latency: [latency],
  prices: [prices],
  deadlines: [deadlines],
  javascript: [javascript, tokens, waitingPrograms],
};
type Part = keyof typeof parts;

const names = Object.keys(parts) as Part[];
const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !Object.hasOwn(parts, name));
if (unknown.length > 0) throw new Error(`there is no part ${unknown.join(', ')}, only ${names.join(', ')}`);
const chosen = asked.length > 0 ? names.filter((name) => asked.includes(name)) : names;

const { arch, platform, version } = process;
const node = version.slice(1);
const machine = `Node ${node} on ${platform} ${arch}, ${cpus().length} processors (${cpus()[0]?.model.trim()}).`;
const texts = [`# Benchmarks\n\nWritten by \`npm run bench\`. ${machine}\n`];
console.log(texts[0]);

for (const measure of chosen.flatMap((name) => parts[name])) {
  const text = markdown(await measure());
  texts.push(text);
  console.log(text);
}

const oldest = 20;
const major = Number.parseInt(node, 10);
const suffix = major === oldest ? '' : `.node${major}`;
if (asked.length === 0) write(`RESULTS${suffix}.md`, texts.join('\n'));
const svg = picture(`Node ${node}.`);
if (asked.length === 0 && svg !== undefined) write(`ratios${suffix}.svg`, svg);

function write(file: string, text: string): void {
  writeFileSync(new URL(`./${file}`, import.meta.url), text);
}
