// The threads of a pool, which tests end, look at, or stand in for.

import type { Threads } from '../../../src/pool/job/threads.ts';

export const threadsOf = (pool: object): Threads =>
  (pool as { readonly life: { readonly threads: Threads } }).life.threads;
