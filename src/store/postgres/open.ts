// Opens the store in a PostgreSQL.

import { UsageError } from '../../spec/errors.ts';
import { ask } from '../shared/patience.ts';
import type { LargePlace } from '../shared/place.ts';
import { SharedStore } from '../shared/store.ts';
import { PostgresBackend } from './backend.ts';
import { isSchema } from './schema.ts';

export interface PostgresTold {
  readonly url: URL;
  readonly schema: string;
  readonly connections: number;
  /** Ms. */
  readonly timeout: number;
  readonly large: LargePlace | undefined;
}

/** Rejects with StoreError and UsageError; with what Node says where the package `pg` is not there. */
export async function openPostgres({ url, schema, connections, timeout, large }: PostgresTold): Promise<SharedStore> {
  if (!isSchema(schema))
    throw new UsageError('the schema of a store must be a name of a to z, 0 to 9 and _, of at most 48 characters');
  // Older ones have no other name for Node to see.
  const { Pool } = (await import('pg')).default;
  const pool = new Pool({
    connectionString: url.href,
    max: connections,
    connectionTimeoutMillis: timeout,
    idleTimeoutMillis: 30_000,
    allowExitOnIdle: true,
    keepAlive: true,
    application_name: 'wasbox',
  });
  const where = `${url.protocol}//${url.host}${url.pathname}, schema ${schema}`;
  const backend = new PostgresBackend({ pool, schema, where, timeout });
  try {
    await ask({ where, timeout, failure: (error) => backend.failure(error) }, (signal) => backend.open(signal));
  } catch (error) {
    await backend.close();
    throw error;
  }
  return new SharedStore(backend, timeout, large);
}
