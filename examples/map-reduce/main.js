// Work that is split among VMs. The host sends lines of numbers into one port, from which three workers take them, each
// line to whoever is free; a collector adds up what they send. One line cannot be read: the worker that takes it traps.
// That costs the line and the worker, and nothing else, and the result tells of it.
//
//     node examples/map-reduce/main.js

import { readFile } from 'node:fs/promises';
import { Module } from 'wasbox';
import { Group } from 'wasbox/talk';

/** What was sold, a day in each line. */
const text = `12 7 31
4 19
8 25 2 16
40
3 l5 22
11 6
27 9 5
18 14`;

const moduleOf = async (/** @type {string} */ file) =>
  Module.from(await readFile(new URL(`${file}.wasm`, import.meta.url)));
const [worker, collector] = await Promise.all([moduleOf('worker'), moduleOf('collector')]);

const group = new Group();
/** One line at a time, which whoever has waited longest takes, and none that is larger than a worker's memory. */
const lines = group.port({ name: 'lines', messages: 1, bytes: 65536 });
const sums = group.port({ name: 'sums' });
// An end of a port that is given to a guest is the guest's from then on; a clone is one more for the same port.
for (const name of ['worker 1', 'worker 2', 'worker 3'])
  group.add(name, {
    module: worker,
    export: 'work',
    ports: { lines: lines.receiver.clone(), sums: sums.sender.clone() },
  });
group.add('collector', { module: collector, export: 'collect', ports: { sums: sums.receiver } });
// From now on only workers send sums: when the last of them has ended, the collector is told that nothing follows.
sums.sender.close();
lines.receiver.close();

const running = group.run();
const all = text.split('\n');
// Waits for room in the port.
for (const line of all) await lines.sender.send(Buffer.from(line));
lines.sender.close();
await running;

for (const { name, outcome } of group.members) {
  if (outcome?.status === 'failed') console.log(`${name} failed: ${outcome.error.message}`);
  else if (name !== 'collector' && outcome?.status === 'returned')
    console.log(`${name} took ${outcome.values[0]} lines`);
}
const [sum, count] = await group.member('collector').result;
console.log(`the sum of ${count} of ${all.length} lines is ${sum}`);
