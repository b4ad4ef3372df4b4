// A store in this process's memory: for tests, and for whoever wants forks and history but nothing that outlasts the process.

import { StoreError } from '../spec/errors.ts';
import { aBlobName, aHeadName, checkCommit, checkList, checkNames } from './checks.ts';
import { conflict, linksOf, missing, readBlob, writeBlob } from './form.ts';
import type { Collected, Commit, Head, HeadChange, KeptBlob, ListOptions, Store } from './types.ts';

/** A store that lives as long as this process keeps it. */
export const memoryStore = (): Store => new MemoryStore();

class MemoryStore implements Store {
  /** Forms by name. */
  private readonly blobs = new Map<string, Uint8Array>();
  private readonly heads = new Map<string, Head>();
  /** Names in order; undefined where that has to be made anew. */
  private order: string[] | undefined;
  private version = 0;
  private closed = false;

  async commit(commit: Commit): Promise<number> {
    this.checkOpen();
    checkCommit(commit);
    const written = (commit.blobs ?? []).map(writeBlob);
    const changes = commit.heads ?? [];
    for (const { name, expected } of changes) {
      const version = this.heads.get(name)?.version ?? 0;
      if (version !== expected) throw conflict(name, expected, version);
    }
    const fresh = new Set(written.map(({ name }) => name));
    for (const { links } of commit.blobs ?? []) this.checkLinks(links, fresh, 'a blob links to');
    for (const { state } of changes) this.checkLinks(state?.links, fresh, 'a head links to');
    for (const { name, form } of written) this.blobs.set(name, form);
    if (changes.length > 0) this.version++;
    for (const change of changes) this.change(change);
    return this.version;
  }

  private checkLinks(links: readonly string[] = [], fresh: ReadonlySet<string>, wantedBy: string): void {
    for (const link of links) if (!fresh.has(link) && !this.blobs.has(link)) throw missing(link, wantedBy);
  }

  private change({ name, state }: HeadChange): void {
    if (!this.heads.has(name) || state === undefined) this.order = undefined;
    if (state === undefined) this.heads.delete(name);
    else {
      const { links = [], data = new Uint8Array(0) } = state;
      this.heads.set(name, { name, version: this.version, links: [...links], data: new Uint8Array(data) });
    }
  }

  async head(name: string): Promise<Head | undefined> {
    this.checkOpen();
    aHeadName(name, 'the name');
    const head = this.heads.get(name);
    return head && copied(head);
  }

  async list(options: ListOptions = {}): Promise<readonly Head[]> {
    this.checkOpen();
    checkList(options);
    const { prefix = '', after = '', limit = 1000 } = options;
    this.order ??= [...this.heads.keys()].sort(byCodePoints);
    const from = firstAtLeast(this.order, byCodePoints(prefix, after) > 0 ? prefix : after);
    const found: Head[] = [];
    for (let i = from; i < this.order.length && found.length < limit; i++) {
      const name = this.order[i] as string;
      if (name.startsWith(prefix)) {
        if (byCodePoints(name, after) > 0) found.push(copied(this.heads.get(name) as Head));
      } else if (byCodePoints(name, prefix) > 0) break;
    }
    return found;
  }

  async get(name: string): Promise<KeptBlob> {
    this.checkOpen();
    aBlobName(name, 'the name');
    const form = this.blobs.get(name);
    if (form === undefined) throw missing(name, 'somebody asks for');
    return readBlob(name, form.slice());
  }

  async has(names: readonly string[]): Promise<readonly boolean[]> {
    this.checkOpen();
    checkNames(names);
    return names.map((name) => this.blobs.has(name));
  }

  async collect(): Promise<Collected> {
    this.checkOpen();
    const reached = new Set<string>();
    const next = [...this.heads.values()].flatMap(({ links }) => links);
    for (let name = next.pop(); name !== undefined; name = next.pop()) {
      if (reached.has(name)) continue;
      reached.add(name);
      next.push(...linksOf(this.blobs.get(name) as Uint8Array));
    }
    let [blobs, bytes] = [0, 0];
    for (const [name, form] of this.blobs) {
      if (reached.has(name)) continue;
      this.blobs.delete(name);
      blobs++;
      bytes += form.length;
    }
    return { blobs, bytes };
  }

  async close(): Promise<void> {
    this.closed = true;
    this.blobs.clear();
    this.heads.clear();
  }

  private checkOpen(): void {
    if (this.closed) throw new StoreError('the store is closed', 'closed', 'memory');
  }
}

const copied = (head: Head): Head => ({ ...head, data: head.data.slice() });

/** As their bytes in UTF-8 compare. */
export function byCodePoints(a: string, b: string): number {
  const end = Math.min(a.length, b.length);
  for (let i = 0; i < end; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x !== y) return ranked(x) - ranked(y);
  }
  return a.length - b.length;
}
/** Surrogates stand for what comes behind all that has one unit. */
const ranked = (unit: number): number => (unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit);

function firstAtLeast(names: readonly string[], name: string): number {
  let [low, high] = [0, names.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (byCodePoints(names[middle] as string, name) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
