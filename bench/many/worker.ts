// A plain thread: makes a VM for each job, one after the other, and drops it. Who asks is answered at once.

import { parentPort, workerData } from 'node:worker_threads';
import { hostFunction, Module, VM } from 'wasbox';
import { answersOf, guestOf, guests } from './guests.ts';

const { engine, count: all } = workerData as { readonly engine: 'auto' | 'native'; readonly count: number };
const answers = answersOf(all);
const modules = new Map(guests.map(({ name, bytes }) => [name, Module.from(bytes)]));
const imports = { env: { ask: hostFunction(['i32'], ['i32'], (n) => (n + 1) | 0) } };

function job(i: number): void {
  const { name } = guestOf(i);
  const vm = new VM({ engine });
  const module = modules.get(name) as Module;
  const instance = vm.instantiate(module, module.imports.length > 0 ? imports : {});
  const [answer] = vm.invoke(instance.func('run'), [i]);
  vm.dispose();
  if (answer !== answers[i]) throw new Error(`job ${i} came to ${String(answer)}`);
}

parentPort?.on('message', ({ from, count, step }: { from: number; count: number; step: number }) => {
  for (let n = 0, i = from; n < count; n++, i += step) job(i);
  parentPort?.postMessage('done');
});
