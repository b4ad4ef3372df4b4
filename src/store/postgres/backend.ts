// A PostgreSQL as the database of a store, by `pg`: what is asked, and what comes of it (schema.ts). Connections are few, and made
// when they are needed; one on which somebody lost patience is ended, for nobody knows what is still on its way there.

import type { Pool, PoolClient, QueryResult } from 'pg';
import { StoreError, UsageError } from '../../spec/errors.ts';
import { peek } from '../../spec/told.ts';
import { linksOf } from '../form.ts';
import {
  type Backend,
  type BackendCommit,
  type BlobPage,
  type CommitEnd,
  type Failure,
  type FormHead,
  type Linked,
  mostForm,
  type Range,
  type Removed,
} from '../shared/backend.ts';
import { NotConnected } from '../shared/failure.ts';
import { epochsOfGrace } from '../shared/place.ts';
import { failureOf } from './failure.ts';
import { format, makeSchema } from './schema.ts';

const binary = (name: string): Buffer => Buffer.from(name, 'hex');
const packed = (names: readonly string[]): Buffer => Buffer.concat(names.map(binary));
const hex = (name: Buffer): string => name.toString('hex');
/** All columns that are asked for; a statement has some of them. */
interface Row {
  readonly name: Buffer;
  readonly version: number;
  readonly form: Buffer;
  readonly place: string | null;
  readonly links: number;
  readonly bytes: number;
  readonly epoch: number;
  readonly format: number;
  readonly fsync: string;
  readonly there: string | null;
}

export interface Place {
  readonly pool: Pool;
  readonly schema: string;
  readonly where: string;
  /** Ms that the server has for a statement. */
  readonly timeout: number;
}

export class PostgresBackend implements Backend {
  readonly where: string;
  private readonly s: string;
  /** Connections that were told what we need of them. */
  private readonly told = new WeakSet<PoolClient>();

  constructor(private readonly place: Place) {
    this.where = place.where;
    this.s = place.schema;
    // What is lost is told to whoever has asked something; where nobody has, the next question has another connection.
    place.pool.on('error', () => {});
    place.pool.on('connect', (client) => client.on('error', () => {}));
  }

  /** Makes the tables where there are none. Throws StoreError and UsageError. */
  async open(signal: AbortSignal): Promise<void> {
    const [{ there } = { there: null }] = await this.rows(
      'SELECT to_regclass($1) AS there',
      [`${this.s}.store`],
      signal,
    );
    if (there === null) await this.rows(makeSchema(this.s, epochsOfGrace), undefined, signal);
    const found = await this.format(signal);
    if (found !== format) {
      const why = `the store is of format ${found}, and this is a wasbox for format ${format}`;
      throw new StoreError(why, 'version', this.where);
    }
    const [{ fsync } = { fsync: 'on' }] = await this.rows('SHOW fsync', undefined, signal);
    if (fsync !== 'on') {
      const why = 'with `fsync` off the server loses what it has committed when its machine stops';
      throw new UsageError(`the PostgreSQL is no place for a store: ${why} (${this.where})`);
    }
  }

  private async format(signal: AbortSignal): Promise<number> {
    try {
      const [{ format: found } = { format: -1 }] = await this.rows(`SELECT format FROM ${this.s}.store`, [], signal);
      return found;
    } catch (error) {
      if (peek(Object(error), 'code') !== '42703') throw error;
      throw new StoreError('it is no store: the schema has a table `store` of somebody else', 'version', this.where);
    }
  }

  async commit({ puts, needs, heads, token, again }: BackendCommit, signal: AbortSignal): Promise<CommitEnd> {
    const given = new Values();
    const list = (values: readonly unknown[], type: string) => `ARRAY[${values.map((v) => given.add(v))}]::${type}[]`;
    const sql = `SELECT ${this.s}.commit(${[
      list(
        puts.map(({ name }) => binary(name)),
        'bytea',
      ),
      list(
        puts.map(({ links }) => links),
        'integer',
      ),
      list(
        puts.map(({ place }) => place ?? null),
        'text',
      ),
      list(
        puts.map(({ form }) => Buffer.from(form.buffer, form.byteOffset, form.length)),
        'bytea',
      ),
      given.add(packed(needs)),
      list(
        heads.map(({ name }) => Buffer.from(name)),
        'bytea',
      ),
      list(
        heads.map(({ expected }) => expected),
        'bigint',
      ),
      list(
        heads.map(({ form }) => form && Buffer.from(form)),
        'bytea',
      ),
      given.add(Buffer.from(token)),
      given.add(again),
    ]})::float8 AS version`;
    try {
      const [{ version } = { version: 0 }] = await this.rows(sql, given.all, signal);
      return { kind: 'done', version };
    } catch (error) {
      const end = endOf(error, heads);
      if (end === undefined) throw error;
      return end;
    }
  }

  async head(name: string, signal: AbortSignal): Promise<FormHead | undefined> {
    const sql = `SELECT version::float8 AS version, substring(form FROM 1 FOR ${mostForm.head + 1}) AS form
      FROM ${this.s}.heads WHERE name = $1`;
    const [row] = await this.rows(sql, [Buffer.from(name)], signal);
    return row && { name, version: row.version, form: row.form };
  }

  async heads({ from, inclusive, below, limit }: Range, signal: AbortSignal): Promise<readonly FormHead[]> {
    const sql = `SELECT name, version::float8 AS version, substring(form FROM 1 FOR ${mostForm.head + 1}) AS form
      FROM ${this.s}.heads WHERE name ${inclusive ? '>=' : '>'} $1 AND name < $2 ORDER BY name LIMIT ${limit}`;
    const rows = await this.rows(sql, [Buffer.from(from), Buffer.from(below)], signal);
    return rows.map(({ name, version, form }) => ({ name: String(name), version, form }));
  }

  async blob(name: string, signal: AbortSignal): Promise<{ form: Uint8Array; place: string | undefined } | undefined> {
    const sql = `SELECT substring(form FROM 1 FOR ${mostForm.blob + 1}) AS form, place FROM ${this.s}.blobs WHERE name = $1`;
    const [row] = await this.rows(sql, [binary(name)], signal);
    return row && { form: row.form, place: row.place ?? undefined };
  }

  async has(names: readonly string[], signal: AbortSignal): Promise<readonly boolean[]> {
    const sql = `SELECT name FROM ${this.s}.blobs WHERE name IN (SELECT ${this.s}.names_in($1))`;
    const there = new Set((await this.rows(sql, [packed(names)], signal)).map(({ name }) => hex(name)));
    return names.map((name) => there.has(name));
  }

  async epoch(signal: AbortSignal): Promise<number> {
    const [{ epoch } = { epoch: 0 }] = await this.rows(
      `SELECT epoch::float8 AS epoch FROM ${this.s}.store`,
      [],
      signal,
    );
    return epoch;
  }

  async nextEpoch(signal: AbortSignal): Promise<number> {
    const [{ epoch } = { epoch: 0 }] = await this.rows(`SELECT ${this.s}.next_epoch()::float8 AS epoch`, [], signal);
    return epoch;
  }

  async links(names: readonly string[], signal: AbortSignal): Promise<readonly Linked[]> {
    const sql = `SELECT name, substring(form FROM 1 FOR 4 + 32 * least(links, 8192)) AS form FROM ${this.s}.blobs
      WHERE name IN (SELECT ${this.s}.names_in($1)) AND links > 0`;
    const rows = await this.rows(sql, [packed(names)], signal);
    return rows.map(({ name, form }) => ({ name: hex(name), links: linksOf(form) }));
  }

  async blobs(after: string | undefined, limit: number, signal: AbortSignal): Promise<BlobPage> {
    const sql = `SELECT name, links FROM ${this.s}.blobs WHERE name > $1 ORDER BY name LIMIT ${limit}`;
    const rows = await this.rows(sql, [binary(after ?? '')], signal);
    const blobs = rows.map(({ name, links }) => ({ name: hex(name), links }));
    return { blobs, next: blobs.length < limit ? undefined : blobs.at(-1)?.name };
  }

  /** Those that a commit has its hand on stay. */
  async remove(names: readonly string[], epoch: number, signal: AbortSignal): Promise<Removed> {
    const sql = `DELETE FROM ${this.s}.blobs WHERE name IN (
        SELECT name FROM ${this.s}.blobs WHERE name IN (SELECT ${this.s}.names_in($1)) AND epoch < $2
        FOR UPDATE SKIP LOCKED)
      RETURNING name, octet_length(form) AS bytes, place`;
    const rows = await this.rows(sql, [packed(names), epoch], signal);
    const gone = new Set(rows.map(({ name }) => hex(name)));
    const rest = names.filter((name) => !gone.has(name));
    const there = rest.length === 0 ? [] : await this.has(rest, signal);
    return {
      blobs: rows.length,
      bytes: rows.reduce((sum, { bytes }) => sum + bytes, 0),
      places: rows.flatMap(({ place }) => place ?? []),
      kept: rest.filter((_, i) => there[i]),
    };
  }

  async placed(places: readonly string[], signal: AbortSignal): Promise<readonly boolean[]> {
    const sql = `SELECT place FROM ${this.s}.blobs WHERE place = ANY($1)`;
    const there = new Set((await this.rows(sql, [places], signal)).map(({ place }) => place));
    return places.map((place) => there.has(place));
  }

  failure(error: unknown): Failure {
    return failureOf(error);
  }

  /** Without values it may be several statements. */
  private async rows(sql: string, values: readonly unknown[] | undefined, signal: AbortSignal): Promise<Row[]> {
    const client = await this.connected(signal);
    const lose = () => client.release(true);
    try {
      signal.addEventListener('abort', lose, { once: true });
      if (!this.told.has(client)) await this.tell(client);
      const { rows }: QueryResult = await client.query(sql, values && [...values]);
      signal.removeEventListener('abort', lose);
      client.release();
      return rows;
    } catch (error) {
      signal.removeEventListener('abort', lose);
      // Of a server's own errors the connection is none the worse, but for a transaction that is open.
      if (!signal.aborted) client.release(values === undefined || !isTold(error));
      throw error;
    }
  }

  private async connected(signal: AbortSignal): Promise<PoolClient> {
    try {
      const client = await this.place.pool.connect();
      if (signal.aborted) client.release();
      signal.throwIfAborted();
      return client;
    } catch (error) {
      signal.throwIfAborted();
      throw Object.assign(new NotConnected((error as Error).message), { code: peek(Object(error), 'code') });
    }
  }

  private async tell(client: PoolClient): Promise<void> {
    await client.query(
      `SET statement_timeout = ${this.place.timeout}; SET default_transaction_isolation = 'read committed'`,
    );
    this.told.add(client);
  }

  async close(): Promise<void> {
    await this.place.pool.end();
  }
}

/** The values of a statement: each is added, and told by its number. */
class Values {
  readonly all: unknown[] = [];
  add(value: unknown): string {
    this.all.push(value);
    return `$${this.all.length}`;
  }
}

const isTold = (error: unknown): boolean => /^[0-9A-Z]{5}$/.test(String(peek(Object(error), 'code')));

/** What our own functions have told by an error. */
function endOf(error: unknown, heads: BackendCommit['heads']): CommitEnd | undefined {
  const [code, detail] = [peek(Object(error), 'code'), String(peek(Object(error), 'detail'))];
  const [place, version] = detail.split(' ').map(Number);
  if (code === 'WB001')
    return { kind: 'conflict', name: heads[(place as number) - 1]?.name ?? '', version: version as number };
  if (code === 'WB002') return { kind: 'missing', name: detail };
  return code === 'WB003' ? { kind: 'late' } : undefined;
}
