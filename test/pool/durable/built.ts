// The pool and the store as they are built: their threads and processes start at once, and are those that users have.

import type * as Core from '../../../src/index.ts';
import type * as PoolRoom from '../../../src/pool/index.ts';
import type * as StoreRoom from '../../../src/store/disk/index.ts';

const built = (path: string): Promise<unknown> =>
  import(new URL(`../../../dist/src/${path}/index.js`, import.meta.url).href);

export const { LinkError, Trap, UsageError } = (await built('.')) as typeof Core;
export const { CancelledError, JobLimitError, LostError, Pool, SuspendedError, WorkerError } = (await built(
  'pool',
)) as typeof PoolRoom;
export const { memoryStore, openStore, StoreError, blobName } = (await built('store/disk')) as typeof StoreRoom;
