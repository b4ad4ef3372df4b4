// Opens the store in a Redis or Valkey.

import { UsageError } from '../../spec/errors.ts';
import { ask } from '../shared/patience.ts';
import type { LargePlace } from '../shared/place.ts';
import { SharedStore } from '../shared/store.ts';
import { RedisBackend } from './backend.ts';

/** How long what was acknowledged is at risk where the server's machine stops: not at all, about a second, or for good. */
export type Durability = 'always' | 'second' | 'none';
const order: readonly Durability[] = ['none', 'second', 'always'];

export interface RedisTold {
  readonly url: URL;
  readonly prefix: string;
  readonly durability: Durability;
  /** Ms. */
  readonly timeout: number;
  readonly large: LargePlace | undefined;
}

/** Rejects with StoreError and UsageError; with what Node says where the package `ioredis` is not there. */
export async function openRedis({ url, prefix, durability, timeout, large }: RedisTold): Promise<SharedStore> {
  if (!/^[\w.:-]{1,100}$/.test(prefix))
    throw new UsageError('the prefix of a store must be of 1 to 100 letters, digits and . : - _');
  const { Redis } = await import('ioredis');
  const retryStrategy = (times: number) => (backend.isAsked ? Math.min(20 * 2 ** Math.min(times, 6), 1000) : null);
  const client = new Redis({ ...optionsOf(url, timeout), retryStrategy });
  const where = `${url.protocol}//${url.host}${url.pathname}, prefix ${prefix}`;
  const backend: RedisBackend = new RedisBackend(client, prefix, where);
  try {
    await ask({ where, timeout, failure: (error) => backend.failure(error) }, async (signal) => {
      await checkServer(backend, durability, signal);
      await backend.open(signal);
    });
  } catch (error) {
    await backend.close();
    throw error;
  }
  return new SharedStore(backend, timeout, large);
}

/** What was under way when a connection was lost is told so at once: whoever asked decides. */
const optionsOf = (url: URL, timeout: number) => ({
  host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
  port: Number(url.port || 6379),
  db: Number(url.pathname.slice(1) || 0),
  ...(url.username === '' ? {} : { username: decodeURIComponent(url.username) }),
  ...(url.password === '' ? {} : { password: decodeURIComponent(url.password) }),
  ...(url.protocol === 'rediss:' ? { tls: {} } : {}),
  protocol: 2 as const,
  connectionName: 'wasbox',
  lazyConnect: true,
  connectTimeout: timeout,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
});

async function checkServer(backend: RedisBackend, wanted: Durability, signal: AbortSignal): Promise<void> {
  const info = await backend.info(signal);
  const refuse = (why: string) => {
    throw new UsageError(`the Redis is no place for a store: ${why} (${backend.where})`);
  };
  const policy = info.get('maxmemory_policy');
  if (policy !== undefined && policy !== 'noeviction')
    refuse(`its \`maxmemory-policy\` is ${policy}, by which it forgets what it should keep; it must be noeviction`);
  const has = info.get('aof_enabled') === '1' ? durabilityOf(await backend.flushing(signal)) : 'none';
  if (order.indexOf(has) < order.indexOf(wanted)) refuse(lacking[has]);
}

const durabilityOf = (flushing: string | undefined): Durability =>
  flushing === 'always' ? 'always' : flushing === 'no' ? 'none' : 'second';

const lacking: Readonly<Record<Durability, string>> = {
  none: "it keeps nothing on its disk for sure: set `appendonly yes` and `appendfsync everysec` or `always`, or open the store with `durability: 'none'`",
  second: 'its `appendfsync` is not always, as `durability` asks for',
  always: '',
};
