// The queue as it is built: its threads start at once, and are those that users have.

import type * as Core from '../../src/index.ts';
import type * as DeliveriesFile from '../../src/pool/durable/deliveries.ts';
import type * as LedgerFile from '../../src/pool/durable/ledger.ts';
import type * as PoolRoom from '../../src/pool/index.ts';
import type * as QueueRoom from '../../src/queue/index.ts';
import type * as StoreRoom from '../../src/store/disk/index.ts';

const built = (path: string): Promise<unknown> => import(new URL(`../../dist/src/${path}.js`, import.meta.url).href);

export const { Module, Trap, UsageError, LinkError } = (await built('index')) as typeof Core;
export const { CancelledError, LostError, Pool, SuspendedError } = (await built('pool/index')) as typeof PoolRoom;
export const { memoryStore, openStore, StoreError } = (await built('store/disk/index')) as typeof StoreRoom;
export const { Queue, Runner, StrandedError } = (await built('queue/index')) as typeof QueueRoom;
export const { Deliveries } = (await built('pool/durable/deliveries')) as typeof DeliveriesFile;
export const { Ledger } = (await built('pool/durable/ledger')) as typeof LedgerFile;

export type Queue = QueueRoom.Queue;
export type Runner = QueueRoom.Runner;
export type Ledger = LedgerFile.Ledger;
export type Deliveries = DeliveriesFile.Deliveries;
