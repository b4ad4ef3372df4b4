// Moving a suspended VM to another thread and back, beside a copy of its memory by structured clone.

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { VM } from 'wasbox';
import { Pool } from 'wasbox/pool';
import { type Figure, figure, measure } from '../measure/measure.ts';
import { cell, type Section } from '../measure/table.ts';
import { busyVm, holder } from './snapshots.ts';

const samples = 25;
const cloneSamples = 7;
const mebibyte = 2 ** 20;
/** Of a job in a pool: those that count, and those before. */
const slices = 500;
const warmUps = 100;

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
  for (const affinity of ['keep', 'spread'] as const)
    for (const size of [1, 64]) rows.push(await poolSlices(size, affinity));
  return {
    title: 'Moving',
    text: 'From the main thread to another one and back: the VM is sent, received there, sent, and received here; and what a job of a pool needs from slice to slice. Median (least to most).',
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

/** From slice to slice of a job that does next to nothing in each, on native code. */
async function poolSlices(size: number, affinity: 'keep' | 'spread'): Promise<[string, Figure]> {
  const pool = new Pool({ threads: 2 });
  const times: number[] = [];
  let before = performance.now();
  await new Promise<void>((resolve) => {
    const onProgress = () => {
      const now = performance.now();
      times.push(now - before);
      before = now;
      if (times.length === warmUps + slices) resolve();
    };
    // The job is cancelled with its pool, which nobody waits for.
    holder(size).then((module) => {
      pool.submit({ module, export: 'run', engine: 'native', affinity, sliceFuel: 100, onProgress });
    });
  });
  await pool.terminate();
  const where = affinity === 'keep' ? 'the thread of the one before' : 'another thread than the one before';
  return [`a slice of a pool, on ${where} (${size} MiB)`, figure(times.slice(warmUps))];
}
