// Runs a task on every engine in turns, and checks that each gives the host's answer.

import { cpuTime, tenth, warmUp } from '../measure/measure.ts';
import { columns, host } from './columns.ts';
import type { Task } from './task.ts';

export interface Comparison {
  readonly task: string;
  /** Milliseconds of processor time on the host. */
  readonly hostMs: number;
  /** Of the time on the host, by the name of the column. */
  readonly ratios: ReadonlyMap<string, number>;
}

/** Rounds in which everything takes its turn. */
const rounds = 15;
/** Whoever has so many samples and took so long, in ms, sits the other rounds out. */
const fewest = 3;
const longest = 2000;

interface Racer {
  readonly name: string;
  readonly run: () => Promise<void>;
  readonly times: number[];
}

export async function compare(task: Task): Promise<Comparison> {
  const racers: Racer[] = [];
  let expected: unknown;
  for (const column of [host, ...columns]) {
    const namespace = await column.namespace(task);
    if (namespace === undefined) continue;
    const prepared = await task.prepare(namespace);
    expected ??= await prepared();
    const run = async () => {
      const answer = await prepared();
      if (answer === expected) return;
      throw new Error(`${task.name}: ${column.name} and the host differ: ${answer}, ${expected}`);
    };
    await warmUp(run);
    racers.push({ name: column.name, run, times: [] });
  }
  for (let round = 0; round < rounds; round++)
    for (const racer of racers) if (!isDone(racer)) racer.times.push(await cpuTime(racer.run));
  const [first, ...others] = racers.map(({ name, times }) => ({ name, ms: tenth(times) }));
  const hostMs = first?.ms ?? Number.NaN;
  return { task: task.name, hostMs, ratios: new Map(others.map(({ name, ms }) => [name, ms / hostMs])) };
}

const isDone = ({ times }: Racer): boolean =>
  times.length >= fewest && times.reduce((sum, ms) => sum + ms, 0) >= longest;
