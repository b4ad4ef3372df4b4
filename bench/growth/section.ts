// Modules of hostile shapes (test/growth/shapes.ts), each at sizes 1, 2, 4 and 8: how the time of each stage grows. Where it
// is in proportion, twice the size takes twice the time. They are measured in a process of their own with a large young
// generation: else larger modules pay for being copied by the collector, which is in no proportion to anything.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Section } from '../measure/table.ts';
import { fuel, judgedMs, rounds, settledBelow, settlingRounds, stages } from './told.ts';

const youngMb = 256;

export async function hostileGrowth(): Promise<Section> {
  const measure = fileURLToPath(new URL('measure.ts', import.meta.url));
  const args = [`--max-semi-space-size=${youngMb}`, ...process.execArgv, measure];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const rows: string[][] = [];
  for await (const line of createInterface(child.stdout)) {
    const row = JSON.parse(line) as string[];
    rows.push(row);
    console.log(`${row[0]} is done`);
  }
  const [code] = await ended;
  if (code !== 0) throw new Error(`what measures hostile shapes has ended with ${code}`);
  return {
    title: 'Hostile shapes',
    text: `Milliseconds for each KB of a module at size 8, and in brackets how many times longer a stage takes at most when the size doubles, from 1 to 8 (a dash where it takes less than ${judgedMs} ms, or ends otherwise). The least of up to ${rounds} rounds, or of up to ${settlingRounds} where something seems to grow more than ${settledBelow} times, with a young generation of ${youngMb} MiB, which is cleared before each stage. Lowering is that of all functions in both forms; a module that the rewriter refuses has no more of it than the time to find out. First runs are of at most ${fuel} units of fuel; what is saved, its frames looked at before, is a VM that has had three.`,
    head: ['shape', 'KB', ...stages],
    rows,
  };
}
