// How fast guests run as native code that can be suspended, beside the same programs on the host un-instrumented:
// `node --import=./test/tsx.mjs bench/native.ts [SECONDS]` after a build. Time is that of the processor, the tenth
// percentile of interleaved runs.

import { Module, VM } from 'wasbox';
import { type Guest, hostGuest } from './guest.ts';
import { kernels, programs, type Work } from './work.ts';

const seconds = Number(process.argv[2] ?? 2);
/** What takes less, in ms, is repeated. */
const shortest = 20;

function nativeGuest(bytes: Uint8Array): Guest {
  const instance = new VM({ engine: 'native' }).instantiate(Module.from(bytes));
  return {
    call: (name, ...args) => instance.vm.invoke(instance.func(name), args)[0],
    memory: () => instance.memory('memory').bytes,
  };
}

function cpuTime(act: () => unknown, repeats: number): number {
  const before = process.cpuUsage();
  for (let i = 0; i < repeats; i++) act();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / repeats;
}

const tenth = (times: number[]): number => times.sort((a, b) => a - b)[Math.floor(times.length / 10)] as number;

/** Milliseconds of ours and of the host's, once both are warm; and of our first run. */
function measure(work: Work): { ours: number; host: number; first: number } {
  const [ours, host] = [nativeGuest(work.bytes), hostGuest(work.bytes)];
  for (const guest of [ours, host]) work.prepare(guest);
  const started = performance.now();
  const answer = work.run(ours);
  const first = performance.now() - started;
  if (answer !== work.run(host)) throw new Error(`${work.name}: native code and the host differ`);
  const repeats = Math.ceil(
    shortest /
      Math.max(
        0.05,
        cpuTime(() => work.run(host), 20),
      ),
  );
  const times: { ours: number[]; host: number[] } = { ours: [], host: [] };
  for (const until = performance.now() + 1000 * seconds; performance.now() < until || times.ours.length < 10; ) {
    times.ours.push(cpuTime(() => work.run(ours), repeats));
    times.host.push(cpuTime(() => work.run(host), repeats));
  }
  return { ours: tenth(times.ours), host: tenth(times.host), first };
}

const logs: number[] = [];
console.log('work                 first, ms   native, ms   host, ms   ratio');
for (const work of [...(await kernels()), ...programs()]) {
  const { ours, host, first } = measure(work);
  logs.push(Math.log(ours / host));
  const cells = [first.toFixed(1).padStart(9), ours.toFixed(3).padStart(12), host.toFixed(3).padStart(10)];
  console.log(`${work.name.padEnd(20)} ${cells.join(' ')}   ${(ours / host).toFixed(3)}`);
}
console.log(`geometric mean ${Math.exp(logs.reduce((sum, log) => sum + log, 0) / logs.length).toFixed(3)}`);
