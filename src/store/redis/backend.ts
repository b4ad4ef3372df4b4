// A Redis (or Valkey) as the database of a store, by `ioredis`: what is asked, and what comes of it (scripts.ts). There is one
// connection, on which questions follow each other; one on which somebody lost patience is given up for another one.

import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { StoreError } from '../../spec/errors.ts';
import { messageOf } from '../../spec/told.ts';
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
import { format, type ScriptName, scripts } from './scripts.ts';

type Value = string | number | Buffer;
const versionDigits = 16;
const keys = ['meta', 'heads', 'names', 'blobs', 'places'] as const;
const binary = (name: string): Buffer => Buffer.from(name, 'hex');
const hex = (name: Buffer): string => name.toString('hex');
const shas = Object.fromEntries(
  Object.entries(scripts).map(([name, text]) => [name, createHash('sha1').update(text).digest('hex')]),
) as Record<ScriptName, string>;

export class RedisBackend implements Backend {
  private readonly base: string;
  private readonly keys: readonly string[];
  private asked = 0;
  /** Where there is no connection: until there is one, for all who wait. */
  private connecting: Promise<void> | undefined;
  /** What was last wrong with the connection. */
  private trouble = 'the connection was closed';

  constructor(
    private readonly client: Redis,
    prefix: string,
    readonly where: string,
  ) {
    this.base = `{${prefix}}:`;
    this.keys = keys.map((key) => `${this.base}${key}`);
    // It is told by what is asked; and while nothing is, the process need not live on for it.
    client.on('error', (error) => {
      this.trouble = messageOf(error);
    });
    client.on('ready', () => this.hold());
  }

  /** Makes the store where there is none. Throws StoreError. */
  async open(signal: AbortSignal): Promise<void> {
    const found = Number(await this.run('open', [format], signal));
    if (found === format) return;
    const why = `the store is of format ${found}, and this is a wasbox for format ${format}`;
    throw new StoreError(found === 0 ? 'it is no store: its keys are of something else' : why, 'version', this.where);
  }

  /** Only while something is asked, a connection that was lost is made again. */
  get isAsked(): boolean {
    return this.asked > 0;
  }

  /** What the server says of itself, each by its name. */
  info(signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    return this.within(signal, async () => {
      const text = `${await this.client.info()}`;
      return new Map([...text.matchAll(/^(\w+):(.*?)\r?$/gm)].map(([, name = '', value = '']) => [name, value]));
    });
  }

  /** How often what was written is flushed; undefined where the server does not say. */
  async flushing(signal: AbortSignal): Promise<string | undefined> {
    return this.within(signal, async () => {
      try {
        const [, value] = (await this.client.config('GET', 'appendfsync')) as string[];
        return value;
      } catch (error) {
        if (failureOf(error).passing) throw error;
        return undefined;
      }
    });
  }

  async commit({ puts, needs, heads, token }: BackendCommit, signal: AbortSignal): Promise<CommitEnd> {
    const values = [
      ...[Buffer.from(token), epochsOfGrace, puts.length, needs.length, heads.length],
      ...puts.flatMap(({ name, links, place, form }) => [binary(name), links, place ?? '', Buffer.from(form)]),
      ...needs.map(binary),
      ...heads.flatMap(({ name, expected, form }) => [Buffer.from(name), digits(expected), Buffer.from(form ?? [])]),
    ];
    const [kind = '', ...more] = (await this.run('commit', values, signal)) as Buffer[];
    if (`${kind}` === 'lost') throw this.emptied();
    if (`${kind}` === 'done') return { kind: 'done', version: Number(more[0]) };
    if (`${kind}` === 'late') return { kind: 'late' };
    if (`${kind}` === 'missing') return { kind: 'missing', name: hex(more[0] as Buffer) };
    return { kind: 'conflict', name: heads[Number(more[0])]?.name ?? '', version: Number(more[1]) };
  }

  private emptied(): StoreError {
    return new StoreError('the database was emptied: the store is gone', 'damaged', this.where);
  }

  async head(name: string, signal: AbortSignal): Promise<FormHead | undefined> {
    const values = [Buffer.from(name), versionDigits + mostForm.head + 1];
    const value = (await this.run('headOf', values, signal)) as Buffer | null;
    return value === null ? undefined : headIn(name, value);
  }

  async heads({ from, inclusive, below, limit }: Range, signal: AbortSignal): Promise<readonly FormHead[]> {
    const start = Buffer.concat([Buffer.from(inclusive ? '[' : '('), from]);
    const end = Buffer.concat([Buffer.from('('), below]);
    const values = [start, end, limit, versionDigits + mostForm.head + 1];
    const found = (await this.run('headsOf', values, signal)) as Buffer[];
    return pairs(found).map(([name, value]) => headIn(`${name}`, value));
  }

  async blob(name: string, signal: AbortSignal): Promise<{ form: Uint8Array; place: string | undefined } | undefined> {
    const found = (await this.run('blobOf', [binary(name), mostForm.blob], signal)) as [Buffer, Buffer] | null;
    if (found === null) return undefined;
    const place = `${found[0]}`.split(':').slice(2).join(':');
    return { form: found[1], place: place === '' ? undefined : place };
  }

  async has(names: readonly string[], signal: AbortSignal): Promise<readonly boolean[]> {
    return ((await this.run('has', names.map(binary), signal)) as number[]).map((there) => there === 1);
  }

  async epoch(signal: AbortSignal): Promise<number> {
    const epoch = await this.within(signal, () => this.client.hget(this.keys[0] as string, 'epoch'));
    if (epoch === null) throw this.emptied();
    return Number(epoch);
  }

  async nextEpoch(signal: AbortSignal): Promise<number> {
    const epoch = Number(await this.run('nextEpoch', [], signal));
    if (epoch === 0) throw this.emptied();
    return epoch;
  }

  async links(names: readonly string[], signal: AbortSignal): Promise<readonly Linked[]> {
    const found = (await this.run('linksOf', names.map(binary), signal)) as Buffer[];
    return pairs(found).map(([name, form]) => ({ name: hex(name), links: linksOf(form) }));
  }

  /** What is there all the while comes once at the least. */
  async blobs(after: string | undefined, limit: number, signal: AbortSignal): Promise<BlobPage> {
    const [next, found] = await this.within(signal, () =>
      this.client.hscanBuffer(this.keys[3] as string, after ?? '0', 'COUNT', limit),
    );
    const blobs = pairs(found).map(([name, mark]) => ({ name: hex(name), links: Number(`${mark}`.split(':')[1]) }));
    return { blobs, next: `${next}` === '0' ? undefined : `${next}` };
  }

  async remove(names: readonly string[], epoch: number, signal: AbortSignal): Promise<Removed> {
    const found = (await this.run('remove', [epoch, ...names.map(binary)], signal)) as [number, Buffer[], Buffer[]];
    const [bytes, gone, kept] = found;
    const places = gone.map(String).filter((place) => place !== '');
    return { blobs: gone.length, bytes, places, kept: kept.map(hex) };
  }

  async placed(places: readonly string[], signal: AbortSignal): Promise<readonly boolean[]> {
    return ((await this.run('placed', [...places], signal)) as number[]).map((there) => there === 1);
  }

  failure(error: unknown): Failure {
    return failureOf(error);
  }

  /** A script, by its hash where the server knows it. */
  private run(name: ScriptName, values: readonly Value[], signal: AbortSignal): Promise<unknown> {
    const rest = [this.keys.length, ...this.keys, this.base, ...values];
    return this.within(signal, async () => {
      try {
        return await this.client.callBuffer('evalsha', shas[name], ...rest);
      } catch (error) {
        if (!/^NOSCRIPT/.test(messageOf(error))) throw error;
        return await this.client.callBuffer('eval', scripts[name], ...rest);
      }
    });
  }

  private async within<T>(signal: AbortSignal, act: () => Promise<T>): Promise<T> {
    // Those who wait on the same connection ask again.
    const lose = () => this.client.disconnect(true);
    signal.addEventListener('abort', lose, { once: true });
    this.asked++;
    this.hold();
    try {
      if (this.client.status !== 'ready') await this.ready(signal);
      return await act();
    } finally {
      this.asked--;
      this.hold();
      signal.removeEventListener('abort', lose);
    }
  }

  /** Rejects with NotConnected when the next attempt to connect fails. */
  private ready(signal: AbortSignal): Promise<void> {
    const { client } = this;
    this.connecting ??= new Promise<void>((resolve, reject) => {
      const done = () => end(resolve);
      const fail = () => end(() => reject(new NotConnected(this.trouble)));
      const end = (settle: () => void) => {
        client.off('ready', done).off('close', fail).off('end', fail);
        this.connecting = undefined;
        settle();
      };
      client.on('ready', done).on('close', fail).on('end', fail);
    });
    if (client.status === 'end' || client.status === 'wait') client.connect().catch(() => {});
    this.connecting.catch(() => {});
    signal.throwIfAborted();
    return this.connecting;
  }

  private hold(): void {
    if (this.client.status !== 'ready') return;
    const { stream } = this.client as unknown as { stream?: { ref?(): void; unref?(): void } };
    if (this.asked > 0) stream?.ref?.();
    else stream?.unref?.();
  }

  async close(): Promise<void> {
    this.client.disconnect();
  }
}

const digits = (version: number): string => String(version).padStart(versionDigits, '0');

/** One whose value is not there, or cut off, is damaged, as its form shows. */
const headIn = (name: string, value: Buffer): FormHead => ({
  name,
  version: Number(value.toString('latin1', 0, versionDigits)),
  form: value.subarray(versionDigits),
});

function pairs(list: readonly Buffer[]): [Buffer, Buffer][] {
  return Array.from({ length: list.length >> 1 }, (_, i) => [list[2 * i] as Buffer, list[2 * i + 1] as Buffer]);
}
