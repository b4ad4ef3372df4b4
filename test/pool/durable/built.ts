// The pool and the store as they are built: their threads and processes start at once, and are those that users have.

import type * as Core from '../../../src/index.ts';
import type * as PoolRoom from '../../../src/pool/index.ts';
import type * as Bounds from '../../../src/pool/line/bounds.ts';
import type * as StoreRoom from '../../../src/store/disk/index.ts';

const builtFile = (path: string): Promise<unknown> =>
  import(new URL(`../../../dist/src/${path}.js`, import.meta.url).href);
const built = (room: string): Promise<unknown> => builtFile(`${room}/index`);

export const { LinkError, Trap, UsageError } = (await built('.')) as typeof Core;
export const { CancelledError, JobLimitError, LostError, Pool, SuspendedError, WorkerError } = (await built(
  'pool',
)) as typeof PoolRoom;
export const { memoryStore, openStore, StoreError, blobName } = (await built('store/disk')) as typeof StoreRoom;
export const { bounds } = (await builtFile('pool/line/bounds')) as typeof Bounds;
