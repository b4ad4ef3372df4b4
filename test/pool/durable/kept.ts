// As a job module: what the thread that the job is on keeps of jobs that were saved there.

import { setTimeout as sleep } from 'node:timers/promises';
import { threadId } from 'node:worker_threads';
import { keptCheckpoints } from '../../../src/pool/thread/saving.ts';

export const start = async () => {
  // So that the other thread gets the other one.
  await sleep(50);
  return { done: { thread: threadId, ...keptCheckpoints() } };
};
