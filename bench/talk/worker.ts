// One side of two that talk by ports of Node, on a thread of its own.

import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { answer, asker, type Side } from './ports.ts';

export interface Given {
  readonly role: 'asks' | 'answers';
  readonly side: Side;
}

const { role, side } = workerData as Given;
const parent = parentPort as MessagePort;
const tell = (sum: number) => parent.postMessage(sum);
if (role === 'answers') answer(side, tell);
else parent.on('message', asker(side, tell));
