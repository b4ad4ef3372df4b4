// Members that wait by the ten thousand: how long it takes to start them all, what each adds to the process, how soon one of
// them answers. `WASBOX_MEMBERS` says how many: a process of Node 20 holds some 13,000 memories at the most.

import { fork } from 'node:child_process';
import { figure } from '../measure/measure.ts';
import { cell, type Section } from '../measure/table.ts';
import { engines } from './racers.ts';
import type { Found, Order } from './waiters-process.ts';

const count = Number(process.env.WASBOX_MEMBERS ?? 10_000);
const asked = 300;

export async function waiters(): Promise<Section> {
  const rows: string[][] = [];
  for (const engine of engines) {
    const { addMs, startMs, rss, heap, external, answers, endMs } = await part({ engine, count, asked });
    rows.push([
      ...[engine, addMs.toFixed(0), startMs.toFixed(0), rss.toFixed(0), heap.toFixed(0), external.toFixed(0)],
      ...[cell(figure(answers)), endMs.toFixed(0)],
    ]);
  }
  return {
    title: 'Members that wait',
    text: `${count} members, each at its own port with a memory of 64 KiB that it has not touched: ms to add all, and until all wait; bytes that each adds to the process (resident, in the heap, and outside of it beside the 64 KiB); ms from a message of the host to one of them until its answer, and until all have ended. Each engine in a process of its own.`,
    head: ['engine', 'add, ms', 'start, ms', 'resident', 'heap', 'outside', 'one answers, ms', 'end, ms'],
    rows,
  };
}

function part(order: Order): Promise<Found> {
  const child = fork(new URL('./waiters-process.ts', import.meta.url), { serialization: 'advanced' });
  return new Promise((resolve, reject) => {
    child.on('message', (found: Found) => resolve(found));
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`the process with ${order.count} members ended with ${code}`)));
    child.send(order);
  });
}
