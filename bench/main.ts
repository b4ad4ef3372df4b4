// Measures everything once and writes bench/RESULTS.md. Asserts nothing about time: a figure is for people to judge.

import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { execution } from './execution.ts';
import { moving } from './moving.ts';
import { slices, snapshots } from './snapshots.ts';
import { growth, stages } from './stages.ts';
import { markdown } from './table.ts';

const { arch, platform, version } = process;
const machine = `Node ${version.slice(1)} on ${platform} ${arch}, ${cpus().length} processors (${cpus()[0]?.model.trim()}).`;
const parts = [`# Benchmarks\n\nWritten by \`npm run bench\`. ${machine}\n`];
console.log(parts[0]);

for (const section of [execution, stages, growth, snapshots, slices, moving]) {
  const text = markdown(await section());
  parts.push(text);
  console.log(text);
}
writeFileSync(new URL('./RESULTS.md', import.meta.url), parts.join('\n'));
