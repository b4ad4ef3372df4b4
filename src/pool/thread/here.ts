// What a pool's thread is given as it begins.

import { workerData } from 'node:worker_threads';
import { clock, type WorkerData } from '../told/protocol.ts';

/** When this thread could take its first order. */
export const bornAt = clock();
export const shared = workerData as WorkerData;
