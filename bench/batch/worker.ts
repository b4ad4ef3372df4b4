// What a batch costs with the host's own WebAssembly: the thread has the compiled module, and makes an instance for each job.

import { workerData } from 'node:worker_threads';
import { decodePng } from './guest.ts';

const { module } = workerData as { readonly module: WebAssembly.Module };

export default function job(input: number | Uint8Array): unknown {
  const { exports } = new WebAssembly.Instance(module);
  return typeof input === 'number' ? [(exports.run as (arg: number) => number)(input)] : decodePng(exports, input);
}
