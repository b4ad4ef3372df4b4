// Native code of modules in a store: what the threads of one pool have made, and keep in its folder (option `cache`), those of another
// one find in theirs, so that a new machine begins warm. It is a help and no more: whatever fails, code is made anew. An entry is as it
// is in the folder, behind its own checksum; whoever can write to the store can say what code jobs load in any case.

import { setTimeout as sleep } from 'node:timers/promises';
import { codeKeys } from '../../rewrite/module/code-cache.ts';
import { attempt } from '../../spec/told.ts';
import type { Head, Store } from '../../store/index.ts';
import { bounds } from '../line/bounds.ts';
import { fileCache } from '../thread/cache.ts';
import { joined, split } from './blobs.ts';

const prefix = 'code/';
/** Of smaller modules code is made about as soon as found. */
const leastModule = 4096;
/** Then a module's code is looked for that threads may have made, in ms from when it came, doubling; and once more at the end. */
const looks = { from: 500, to: 60_000 } as const;
/** So old, in ms, an entry is when whoever finds it says that it is used. */
const touchAfter = 86_400_000;
/** In ms. */
const patience = 2000;
/** Modules that are remembered: of others the store is asked again. */
const mostKnown = 4096;

/** What a head says: how many bytes there are, and when it was last found, in ms since 1970 and about. */
interface Told {
  readonly bytes: number;
  readonly usedAt: number;
}

interface Known {
  /** Resolves once what the store had is in the folder. */
  readonly brought: Promise<void>;
  /** Keys that the store is not known to have. */
  readonly lacking: Set<string>;
  timer: NodeJS.Timeout | undefined;
}

export class Codes {
  /** Entries found in the store, and put there. */
  readonly counts = { found: 0, kept: 0 };
  private readonly known = new Map<string, Known>();
  private readonly cache: ReturnType<typeof fileCache>;

  constructor(
    private readonly store: () => Promise<Store>,
    folder: string,
  ) {
    this.cache = fileCache(folder);
  }

  /** Resolves once the folder has what the store has of a module. Never rejects. */
  bring({ hash, bytes }: { readonly hash: string; readonly bytes: Uint8Array }): Promise<void> {
    if (bytes.length < leastModule) return Promise.resolve();
    const before = this.known.get(hash);
    if (before !== undefined) return before.brought;
    if (this.known.size >= mostKnown) this.forget();
    const lacking = new Set(codeKeys(hash));
    const each = [...lacking].map((key) => this.bringOne(key, lacking).catch(() => {}));
    const known: Known = { brought: Promise.all(each).then(() => {}), lacking, timer: undefined };
    this.known.set(hash, known);
    this.lookSoon(known, looks.from);
    return known.brought;
  }

  private async bringOne(key: string, lacking: Set<string>): Promise<void> {
    const store = await this.store();
    const head = await store.head(prefix + key);
    if (head === undefined) return;
    lacking.delete(key);
    if (this.cache.get(key) === undefined) {
      this.cache.set(key, await joined(store, head.links[0] as string));
      this.counts.found++;
    }
    if (Date.now() - toldBy(head).usedAt < touchAfter) return;
    await this.write(store, key, { ...toldBy(head), usedAt: Date.now() }, head.links, head.version);
  }

  private async write(
    store: Store,
    key: string,
    told: Told,
    links: readonly string[],
    expected: number,
    blobs: ReturnType<typeof split>['blobs'] = [],
  ): Promise<void> {
    const data = new TextEncoder().encode(JSON.stringify(told));
    await store.commit({ blobs, heads: [{ name: prefix + key, expected, state: { data, links } }] });
  }

  private lookSoon(known: Known, ms: number): void {
    if (known.lacking.size === 0 || ms > looks.to) return;
    known.timer = setTimeout(() => {
      void this.look(known);
      this.lookSoon(known, ms * 2);
    }, ms).unref();
  }

  /** Keeps what threads have made meanwhile. Never rejects. */
  private async look({ lacking }: Known): Promise<void> {
    for (const key of [...lacking]) {
      const bytes = this.cache.get(key);
      if (bytes === undefined || !lacking.delete(key)) continue;
      // Where another one was faster, it has it.
      await this.keep(key, bytes).catch(() => {});
    }
  }

  private async keep(key: string, bytes: Uint8Array): Promise<void> {
    const store = await this.store();
    const { root, blobs } = split(bytes);
    await this.write(store, key, { bytes: bytes.length, usedAt: Date.now() }, [root], 0, blobs);
    this.counts.kept++;
    await this.sweep(store);
  }

  /** Removes what was not used for the longest, until the rest is within the bound. */
  private async sweep(store: Store): Promise<void> {
    const heads: Head[] = [];
    for (let page: readonly Head[] = []; ; ) {
      page = await store.list({ prefix, after: page.at(-1)?.name ?? '', limit: 1000 });
      heads.push(...page);
      if (page.length < 1000) break;
    }
    const all = heads.map((head) => ({ head, told: toldBy(head) }));
    const sizeOf = ({ bytes }: Told) => Math.max(bounds.leastFile, bytes);
    let sum = all.reduce((sum, { told }) => sum + sizeOf(told), 0);
    for (const { head, told } of all.sort((a, b) => a.told.usedAt - b.told.usedAt)) {
      if (sum <= bounds.storedCode) return;
      sum -= sizeOf(told);
      await store.commit({ heads: [{ name: head.name, expected: head.version, state: undefined }] });
    }
  }

  private forget(): void {
    for (const { timer } of this.known.values()) clearTimeout(timer);
    this.known.clear();
  }

  /** Keeps what there is, where that does not take long, and looks no more. Never rejects. */
  async close(): Promise<void> {
    const all = [...this.known.values()];
    this.forget();
    await Promise.race([Promise.all(all.map((known) => this.look(known))), sleep(patience, undefined, { ref: false })]);
  }
}

/** What is none of ours counts as much as can be, and as never used. */
function toldBy({ data }: Head): Told {
  const { bytes, usedAt } = Object(
    attempt(() => JSON.parse(new TextDecoder().decode(data)), undefined),
  ) as Partial<Told>;
  const isTold = Number.isSafeInteger(bytes) && Number.isFinite(usedAt) && (bytes as number) >= 0;
  return isTold ? { bytes: bytes as number, usedAt: usedAt as number } : { bytes: bounds.storedCode, usedAt: 0 };
}
