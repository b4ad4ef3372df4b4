// The kinds of store that tests go over, and how each is opened anew and empty. Those of servers have one server of the test file,
// and each store its own part of it.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestFn } from 'ava';
import { memoryStore, openStore, type Store, type StoreOptions } from '../../src/store/disk/index.ts';
import { PostgresServer } from '../servers/postgres.ts';
import { RedisServer } from '../servers/redis.ts';
import { withPostgres, withRedis } from '../servers/tests.ts';

export interface StoreKind {
  readonly name: string;
  /** For tests of this kind: they are skipped where its server is not installed. */
  readonly test: TestFn | TestFn['skip'];
  /** One that nobody has used; again with the same id, the same one. */
  open(id: string, options?: StoreOptions): Promise<Store>;
  /** What `openStore` is told for that. Undefined for one that is nowhere. */
  at?(id: string): Promise<string>;
}

const root = mkdtempSync(join(tmpdir(), 'wasbox-store-'));
const ended: (() => Promise<unknown>)[] = [];
/** For a test file's `after.always`. */
export async function endServers(): Promise<void> {
  for (const end of ended) await end();
  rmSync(root, { recursive: true, force: true });
}

function lazy<T extends { remove(): Promise<unknown> }>(start: () => Promise<T>): () => Promise<T> {
  let started: Promise<T> | undefined;
  return () => {
    if (started === undefined) {
      started = start();
      ended.push(async () => (await started)?.remove());
    }
    return started;
  };
}
/** The servers of this test file, which are started when they are asked for. */
export const redis = lazy(() => RedisServer.start());
export const postgres = lazy(() => PostgresServer.start());

/** Of any text, a name that all kinds take. */
const short = (id: string): string =>
  id
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
    .slice(0, 40);

const disk = async (id: string) => join(root, short(id));
const inPostgres = async (id: string) => `${(await postgres()).url}?schema=s_${short(id)}`;
const inRedis = async (id: string) => `${(await redis()).url}?prefix=${short(id)}`;

const opener =
  (at: (id: string) => Promise<string>) =>
  async (id: string, options: StoreOptions = {}): Promise<Store> =>
    openStore(await at(id), options);

export const kinds = {
  memory: { name: 'memory', test: test.serial, open: async () => memoryStore() },
  disk: { name: 'disk', test: test.serial, open: opener(disk), at: disk },
  postgres: { name: 'postgres', test: withPostgres, open: opener(inPostgres), at: inPostgres },
  redis: { name: 'redis', test: withRedis, open: opener(inRedis), at: inRedis },
} satisfies Readonly<Record<string, StoreKind>>;
export const allKinds: readonly StoreKind[] = Object.values(kinds);
