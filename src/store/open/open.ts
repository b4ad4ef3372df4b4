// Opens a store by where it is: a folder, or the URL of a database. What a database or a bucket needs is loaded when one is opened.

import { fileURLToPath } from 'node:url';
import { UsageError } from '../../spec/errors.ts';
import { anInteger, anObject, aText, mostMs, oneOf, optionsOf, theOptions } from '../../spec/options.ts';
import { attempt, peek } from '../../spec/told.ts';
import { openDisk } from '../disk/client.ts';
import { HeldBytes } from '../shared/held.ts';
import type { LargePlace, LargeStore } from '../shared/place.ts';
import type { Store } from '../types.ts';
import { schemeOf } from './url.ts';

/** Where blobs go that are large. */
export interface LargeOptions {
  /**
   * The store that has their bytes, or where it is; or a bucket of S3, `s3://BUCKET/PREFIX?endpoint=…&region=…`. It (of a bucket, what
   * begins with that prefix) has to be there for this one store alone, and is closed with it.
   */
  readonly store: Store | string;
  /** Blobs of so many bytes or more go there, unless they have links. 65,536 unless told. */
  readonly from?: number | undefined;
}

/** How a store is used. */
export interface StoreOptions {
  /**
   * How many ms a question may take. On disk: how long the process that keeps the file may be silent; then it is ended, and the
   * next call starts another one. In a database, and a bucket beside it: within that time it is asked again where it is away. What
   * was asked then rejects with reason `gone`. 30,000 unless told, and at most 600,000 for a database.
   */
  readonly timeout?: number | undefined;
  /** In PostgreSQL: the schema that has the store's tables, which is made where it is not there. `wasbox` unless told. */
  readonly schema?: string | undefined;
  /** In PostgreSQL: the most connections of this process. 8 unless told. */
  readonly connections?: number | undefined;
  /** In Redis: what the store's keys begin with, in braces. `wasbox` unless told. */
  readonly prefix?: string | undefined;
  /**
   * In Redis: the least that its settings must promise for what was acknowledged, where its machine stops: `always` loses nothing
   * (`appendfsync always`), `second` about a second of it (`everysec`), `none` anything. `second` unless told.
   */
  readonly durability?: 'always' | 'second' | 'none' | undefined;
  /** In a database: another place for large blobs. In a URL `large` and `largeFrom`. */
  readonly large?: LargeOptions | undefined;
}

const aDatabase = anInteger(1, 600_000);
const checkOptions = optionsOf<StoreOptions>({
  timeout: anInteger(1, mostMs),
  schema: aText,
  connections: anInteger(1, 1000),
  prefix: aText,
  durability: oneOf('always', 'second', 'none'),
  large: anObject,
});
const checkLarge = optionsOf<LargeOptions>(
  {
    store: (value, what) => (typeof value === 'string' ? aText : anObject)(value, what),
    from: anInteger(1, 1_048_576),
  },
  'store',
);

type Kind = 'disk' | 'postgres' | 'redis';
/** Options that mean something for one kind alone; in URLs they may stand behind the `?`. */
const own: Readonly<Record<Kind, readonly (keyof StoreOptions)[]>> = {
  disk: [],
  postgres: ['schema', 'connections', 'large'],
  redis: ['prefix', 'durability', 'large'],
};
const kinds: Readonly<Record<string, Kind>> = {
  'postgres:': 'postgres',
  'postgresql:': 'postgres',
  'redis:': 'redis',
  'rediss:': 'redis',
  'file:': 'disk',
};
const defaults = { timeout: 30_000, connections: 8, name: 'wasbox', from: 65_536 } as const;

/**
 * Opens a store, which is made if it is not there: `at` is the path of a folder (or a `file:` URL), `postgres://USER:PASSWORD@HOST/DATABASE`
 * (needs the package `pg`), or `redis://HOST/NUMBER` (Redis or Valkey; needs `ioredis`); `schema`, `connections`, `prefix`,
 * `durability` and `large` may be told behind a `?`, too. Several processes may have it open, of several machines where it is in a database.
 * Rejects with UsageError for what cannot be: options, a package that is not installed, a database whose settings would lose what
 * it is given; and with StoreError, by reason: `version` where it is of another format or no store, `damaged`, `full`, `gone` where
 * a database cannot be reached, or `io`.
 */
export async function openStore(at: string, options: StoreOptions = {}): Promise<Store> {
  if (typeof at !== 'string' || at === '') throw new UsageError('the path or URL of a store must be a text');
  checkOptions(options, theOptions);
  const scheme = schemeOf(at);
  if (scheme === 's3:')
    throw new UsageError(
      'a bucket takes large blobs of a store in a database, and is no store by itself: tell it as `large`',
    );
  const kind = scheme === undefined ? 'disk' : kinds[scheme];
  if (kind === undefined)
    throw new UsageError(`there is no store at ${scheme}//, only at ${Object.keys(kinds).join(', ')}`);
  checkKind(kind, options);
  if (kind === 'disk') return openDisk(scheme === undefined ? at : fileURLToPath(at), options.timeout);
  return openDatabase(kind, urlOf(at), options);
}

function checkKind(kind: Kind, options: StoreOptions): void {
  for (const [name, value] of Object.entries(options))
    if (value !== undefined && name !== 'timeout' && !own[kind].includes(name as keyof StoreOptions))
      throw new UsageError(`the option ${name} says nothing of this kind of store: ${kind}`);
  if (options.large !== undefined) checkLarge(options.large, 'large');
}

/** What is wrong with one has its password in it, and is not told. */
function urlOf(at: string): URL {
  const url = attempt(() => new URL(at), undefined);
  if (url === undefined || url.hash !== '') throw new UsageError('the URL of the store is none that can be read');
  return url;
}

async function openDatabase(kind: 'postgres' | 'redis', url: URL, options: StoreOptions): Promise<Store> {
  const all = { ...taken(kind, url), ...options };
  const { timeout = defaults.timeout, schema = defaults.name, prefix = defaults.name } = all;
  const { connections = defaults.connections, durability = 'second' } = all;
  aDatabase(timeout, 'timeout');
  const large = all.large && (await largePlace(all.large, timeout));
  try {
    if (kind === 'postgres') {
      const { openPostgres } = await import('../postgres/open.ts');
      return await openPostgres({ url, schema, connections, timeout, large });
    }
    const { openRedis } = await import('../redis/open.ts');
    return await openRedis({ url, prefix, durability, timeout, large });
  } catch (error) {
    if (typeof all.large?.store === 'string') await large?.store.close();
    throw notInstalled(kind, error) ?? error;
  }
}

/** Options that the URL tells: they are taken out of it. */
function taken(kind: Kind, url: URL): StoreOptions {
  const take = (name: string) => {
    const value = url.searchParams.get(name);
    url.searchParams.delete(name);
    return value;
  };
  const told: Record<string, unknown> = {};
  for (const name of own[kind]) {
    const value = take(name);
    if (value === null) continue;
    if (name === 'large') told[name] = largeIn(value, take('largeFrom'));
    else told[name] = name === 'connections' ? Number(value) : value;
  }
  checkOptions(told, theOptions);
  return told;
}

function largeIn(store: string, from: string | null): LargeOptions {
  const large = { store, ...(from === null ? {} : { from: Number(from) }) };
  checkLarge(large, 'large');
  return large;
}

async function largePlace({ store, from = defaults.from }: LargeOptions, timeout: number): Promise<LargePlace> {
  return { store: typeof store === 'string' ? await openLarge(store, timeout) : new HeldBytes(store), from };
}

async function openLarge(at: string, timeout: number): Promise<LargeStore> {
  if (schemeOf(at) !== 's3:') return new HeldBytes(await openStore(at));
  const url = urlOf(at);
  try {
    const { openS3 } = await import('../s3/open.ts');
    return await openS3(url, timeout);
  } catch (error) {
    throw notInstalled('s3', error) ?? error;
  }
}

const packages = { postgres: 'pg', redis: 'ioredis', s3: '@aws-sdk/client-s3' } as const;

function notInstalled(kind: keyof typeof packages, error: unknown): UsageError | undefined {
  const name = packages[kind];
  const isThat =
    peek(Object(error), 'code') === 'ERR_MODULE_NOT_FOUND' && `${peek(Object(error), 'message')}`.includes(`'${name}'`);
  return isThat ? new UsageError(`a store in ${kind} needs the package ${name}: npm install ${name}`) : undefined;
}
