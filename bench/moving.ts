// Moving a suspended VM to another thread and back, beside a copy of its memory by structured clone.

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { Module, VM } from 'wasbox';
import { Pool } from 'wasbox/pool';
import { type Figure, figure, measure } from './measure.ts';
import { busyVm, holder } from './snapshots.ts';
import { cell, type Section } from './table.ts';
import { assemble } from './work.ts';

const samples = 25;
const cloneSamples = 7;
const mebibyte = 2 ** 20;

export async function moving(): Promise<Section> {
  const worker = new Worker(new URL('./moving-worker.js', import.meta.url));
  const rows: [string, Figure][] = [['an empty message', await measure(samples, () => trip(worker, { value: 0 }))]];
  for (const sharedMemory of [true, false])
    for (const size of [1, 64]) rows.push(await moveVm(worker, size, sharedMemory));
  for (const size of [1, 64]) {
    const copy = new Uint8Array(size * mebibyte).fill(1);
    rows.push([
      `${size} MiB copied by structuredClone, here`,
      await measure(cloneSamples, () => structuredClone(copy)),
    ]);
    rows.push([`${size} MiB copied there and back`, await measure(cloneSamples, () => trip(worker, { value: copy }))]);
  }
  await worker.terminate();
  rows.push(['a slice of a pool, on another thread than the one before (1 MiB)', await poolSlices()]);
  return {
    title: 'Moving',
    text: 'From the main thread to another one and back: the VM is sent, received there, sent, and received here. Median (least to most).',
    head: ['what', 'ms', 'samples'],
    rows: rows.map(([name, time]) => [name, cell(time), String(time.samples)]),
  };
}

async function trip(worker: Worker, message: object, transfer: Transferable[] = []): Promise<unknown> {
  worker.postMessage(message, transfer as never);
  const [reply] = await once(worker, 'message');
  return reply;
}

async function moveVm(worker: Worker, size: number, sharedMemory: boolean): Promise<[string, Figure]> {
  const module = await holder(size);
  await trip(worker, { module: module.bytes, value: 0 });
  let vm = busyVm(module, sharedMemory, (memory) => memory.fill(1));
  const time = await measure(samples, async () => {
    const sent = vm.send();
    const back = await trip(worker, { vm: sent.message, sharedMemory }, sent.transfer);
    vm = VM.receive(back as never, { modules: [module], sharedMemory });
  });
  vm.dispose();
  return [`a VM of ${size} MiB, ${sharedMemory ? 'shared' : 'private'} memory`, time];
}

/** What each slice of a job in a pool spends on its way. */
async function poolSlices(): Promise<Figure> {
  const module = Module.from(await assemble('sieve'));
  const pool = new Pool({ threads: 2 });
  const times: number[] = [];
  let before = 0;
  const job = pool.submit({
    module,
    export: 'run',
    args: [60_000],
    affinity: 'spread',
    sliceFuel: 20_000,
    onProgress({ movingMs }) {
      times.push(movingMs - before);
      before = movingMs;
    },
  });
  await job.result;
  await pool.close();
  return figure(times);
}
