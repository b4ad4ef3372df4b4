// Servers for runners that are in namespaces: they listen everywhere, and let in who has a password or comes from there.

import { randomUUID } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PostgresServer } from '../servers/postgres.ts';
import { RedisServer } from '../servers/redis.ts';
import { everywhere, theirs } from './namespace.ts';

/** It keeps what it has acknowledged. */
export function redis(namespaces: boolean): Promise<RedisServer> {
  const open = { password: randomUUID(), settings: { bind: everywhere } };
  return RedisServer.start({ appendfsync: 'always', ...(namespaces ? open : {}) });
}

export async function postgres(namespaces: boolean): Promise<PostgresServer> {
  if (!namespaces) return PostgresServer.start();
  // Its user reads it, for whom our folders are closed.
  const hosts = join(tmpdir(), `wasbox-hosts-${process.pid}`);
  const lines = ['127.0.0.1/32', theirs].map((from) => `host all all ${from} trust\n`);
  writeFileSync(hosts, lines.join(''), { mode: 0o644 });
  process.once('exit', () => rmSync(hosts, { force: true }));
  return PostgresServer.start({ settings: { listen_addresses: everywhere, hba_file: hosts, max_connections: '200' } });
}
