// Jobs in a store: taking one up, saving it, its result. One head for each job, which changes only by its owner's hand: every
// change names the version that it follows, so that an owner that was taken for dead finds its next change refused, whatever
// clocks say. All that a change needs is one commit with it. Whose a job of a queue is, deliveries.ts decides.

import { joinSeries } from '../../snapshot/container/whole.ts';
import { hide, UsageError } from '../../spec/errors.ts';
import { isA, quoted } from '../../spec/told.ts';
import { openStore } from '../../store/disk/index.ts';
import { blobName, type Head, type NewBlob, type Store, StoreError } from '../../store/index.ts';
import { LostError } from '../told/ends.ts';
import { joined, joinedParts, type Split, seriesOf, split } from './blobs.ts';
import { type Entry, entryOf, headOf, jobsPrefix, keyOf, type Outcome, outcomeOf, stateOf } from './entry.ts';
import { Owners, type Seen, type Whereabouts } from './owners.ts';

/** A job of the store that is in our hands: its entry, and the version that the next change of it follows. */
export class Held {
  /** Changes are made one after the other. */
  turn: Promise<unknown> = Promise.resolve();
  /** That it is ours, where the store does not say so yet: told with the first change. */
  claim: Pick<Entry, 'owner' | 'fence'> | undefined;
  /** Called once somebody has asked a job of a queue to come to rest. */
  wished: (() => void) | undefined;
  constructor(
    readonly key: string,
    public entry: Entry,
    public version: number,
    /** Roots of the checkpoint's series. */
    public series: readonly string[] = [],
    /** Bytes in the store that are nobody's once it has ended, as far as they are known. */
    public bytes = 0,
  ) {}
}

export interface Elsewhere {
  readonly kind: 'elsewhere';
  readonly by: Seen;
}

/** The job of that key is not the one that is asked for. */
export class OtherJobError extends UsageError {
  constructor(readonly key: string) {
    super(`the key ${quoted(key)} is that of another job: of another module, call or input`);
    hide(this, 'name', UsageError.name);
    hide(this, 'key', key);
  }
}

/** What comes of asking for a job. */
export type Claim =
  /** It is ours now: new, or as it was left. */
  | { readonly kind: 'held'; readonly held: Held; readonly isNew: boolean }
  /** It has its result. */
  | { readonly kind: 'ended'; readonly entry: Entry }
  /** Somebody else has it, and seems to live. */
  | Elsewhere
  /** There is no such job, and nothing to make one of. */
  | { readonly kind: 'absent' };

/** What comes of a delivery of a queue. */
export type Delivered =
  | Exclude<Claim, Elsewhere>
  /** It goes on by another ticket. */
  | { readonly kind: 'stale' }
  /** Another delivery of this ticket goes on with it. */
  | { readonly kind: 'late' }
  /** It was asked to come to rest, and has. */
  | { readonly kind: 'resting' };

/** A job as it is in the store, and the version that a change of it follows. */
export interface Found {
  readonly entry: Entry;
  readonly version: number;
}

/** What an entry tells of a job's place in a queue. */
export type Line = Pick<Entry, 'ticket' | 'priority' | 'runAt' | 'tenant'>;

/** A new job for the store. */
export interface Fresh {
  readonly by: Entry['by'];
  readonly title: string;
  readonly identity: string;
  readonly digest: string;
  readonly spec: Uint8Array;
  readonly modules: readonly Uint8Array[];
}

/** A job that is asked for: what it must be, and how to make it where it is not there. */
export interface Wanted {
  readonly digest: string;
  readonly make: () => Fresh;
}

/** So many bytes have to have been replaced before they are collected, in the midst of work and at its end. */
const leastGarbage = { meanwhile: 64 * 1024 * 1024, atEnd: 4 * 1024 * 1024 } as const;
const pageSize = 1000;

/** A job that is kept; where it is damaged, the error. */
export interface Listed {
  readonly key: string;
  readonly entry: Entry | StoreError;
}

/** What is told of a job each time it is saved; with an `owner` of undefined anybody may go on with it from then on. */
export type About = Pick<Entry, 'paid' | 'spent' | 'calling'> & { readonly owner?: undefined };

export class Ledger {
  private readonly opened: () => Promise<Store>;
  private readonly isOurs: boolean;
  private readonly owners: Owners;
  /** What has to be done before the ledger is closed. */
  private readonly working = new Set<Promise<unknown>>();
  /** Bytes that were replaced since the last collection, or were of jobs that have ended. */
  private garbage = 0;
  private collecting = false;
  private closed: Promise<void> | undefined;

  /** A path is opened when it is needed, and closed with the ledger. */
  constructor(store: Store | string, lease: number) {
    this.isOurs = typeof store === 'string';
    this.opened = typeof store === 'string' ? opener(store) : () => Promise.resolve(store);
    this.owners = new Owners(this.opened, lease);
  }

  /** What we are called as an owner. */
  get owner(): string {
    return this.owners.id;
  }

  get store(): Promise<Store> {
    return this.opened();
  }

  // ---- taking jobs up

  /** Rejects with StoreError, and with UsageError where the key is that of another job than the one wanted. */
  async claim(key: string, wanted?: Wanted): Promise<Claim> {
    await this.owners.register();
    const store = await this.store;
    for (;;) {
      const head = await store.head(headOf(key));
      if (head === undefined && wanted === undefined) return { kind: 'absent' };
      const entry = head === undefined ? undefined : entryOf(head);
      if (entry !== undefined && wanted !== undefined && wanted.digest !== entry.digest) throw new OtherJobError(key);
      if (entry !== undefined && entry.state !== 'live') return { kind: 'ended', entry };
      if (entry?.by === 'queue')
        throw new UsageError(`the job ${quoted(key)} is one of a queue, whose runners go on with it`);
      const by = entry && (await this.holder(entry));
      if (by !== undefined) return { kind: 'elsewhere', by };
      try {
        if (head === undefined || entry === undefined)
          return { kind: 'held', held: await this.create(key, (wanted as Wanted).make()), isNew: true };
        const held = new Held(key, entry, head.version);
        await this.change(held, { owner: this.owners.id, fence: entry.fence + 1 });
        return { kind: 'held', held, isNew: false };
      } catch (error) {
        // Somebody was faster: look again.
        if (!isA(error, LostError)) throw error;
      }
    }
  }

  private async create(key: string, { spec, modules, ...about }: Fresh): Promise<Held> {
    const [written, ...code] = [spec, ...modules].map(split) as [Split, ...Split[]];
    const roots = code.map(({ root }) => root);
    const held = new Held(key, { ...newEntry(about, written.root, roots), owner: this.owners.id }, 0);
    await this.change(held, {}, [...written.blobs, ...code.flatMap(({ blobs }) => blobs)]);
    held.bytes = spec.length;
    return held;
  }

  // ---- changes of what we have

  /**
   * The job as it is now: from here it goes on, whatever happens. Durable when it resolves. `isChange`: the state tells what
   * has changed since the one before.
   */
  async save(held: Held, state: Uint8Array, about: About, isChange = false): Promise<void> {
    const { root, blobs } = split(state);
    const series = isChange ? [...held.series, root] : [root];
    const list = seriesOf(series);
    const [checkpoint, more] = series.length === 1 ? [root, []] : [blobName(list), [list]];
    await this.change(held, { ...about, checkpoint, saves: held.entry.saves + 1 }, [...blobs, ...more]);
    held.series = series;
    if (!isChange) this.left(held);
    held.bytes += state.length;
  }

  /** What the job had in the store is of no use any more. */
  private left(held: Held): void {
    this.garbage += held.bytes;
    held.bytes = 0;
  }

  /** Its result, which takes the place of all else. */
  async end(held: Held, state: 'done' | 'failed', result: Uint8Array): Promise<void> {
    const { root, blobs } = split(result);
    const last = { owner: undefined, spec: undefined, checkpoint: undefined, modules: [], calling: undefined };
    await this.change(held, { ...last, state, result: root }, blobs);
    this.left(held);
  }

  /** Anybody may go on with it. */
  release(held: Held): Promise<void> {
    return this.change(held, { owner: undefined });
  }

  /** It never was. */
  async remove(held: Held): Promise<void> {
    await this.change(held, undefined);
    this.left(held);
  }

  /** Undefined removes it. Rejects with LostError where the job is somebody else's by now, else with StoreError. */
  change(held: Held, more: Partial<Entry> | undefined, blobs: readonly NewBlob[] = []): Promise<void> {
    const done = held.turn.then(async () => {
      while (!(await this.commit(held, more, blobs)));
    });
    held.turn = done.catch(() => {});
    return this.track(done);
  }

  /** False where it has to be done again, since somebody has wished something meanwhile. */
  private async commit(held: Held, more: Partial<Entry> | undefined, blobs: readonly NewBlob[]): Promise<boolean> {
    const entry: Entry | undefined = more && { ...held.entry, ...held.claim, ...more, changedAt: Date.now() };
    const heads = [{ name: headOf(held.key), expected: held.version, state: entry && stateOf(entry) }];
    try {
      held.version = await (await this.store).commit({ blobs, heads });
    } catch (cause) {
      if (!isA(cause, StoreError) || cause.reason !== 'conflict') throw cause;
      if (held.entry.by === 'queue' && (await this.follow(held))) return false;
      throw new LostError(held.key, { cause });
    }
    held.claim = undefined;
    if (entry !== undefined) held.entry = entry;
    return true;
  }

  /**
   * Takes in what others may change of a job of a queue that is ours, which is its `wish`. False where it is not ours any more: not
   * of our owner and number. Also where a commit of ours came through whose answer did not.
   */
  private async follow(held: Held): Promise<boolean> {
    const { entry, version } = await this.look(held.key);
    if (entry === undefined || isA(entry, StoreError) || entry.ticket !== held.entry.ticket) return false;
    const is = (owned: Pick<Entry, 'owner' | 'fence'> | undefined) =>
      owned !== undefined && entry.owner === owned.owner && entry.fence === owned.fence;
    if (is(held.claim)) held.claim = undefined;
    else if (!is(held.entry)) return false;
    held.entry = entry;
    held.version = version;
    if (entry.wish !== undefined) held.wished?.();
    return true;
  }

  // ---- what is kept

  /** Rejects with StoreError. */
  async bytes(root: string): Promise<Uint8Array> {
    return joined(await this.store, root);
  }

  /** What a job of a pool that has ended has come to. Rejects with StoreError. */
  async outcome(key: string, entry: Entry): Promise<Outcome> {
    return outcomeOf(key, entry, await this.bytes(entry.result as string));
  }

  /** A checkpoint: what was saved, and each time what had changed since. Rejects with StoreError. */
  async states(checkpoint: string): Promise<Uint8Array[]> {
    return joinedParts(await this.store, checkpoint);
  }

  /** A checkpoint as one. Rejects with StoreError, SnapshotError. */
  async state(checkpoint: string): Promise<Uint8Array> {
    return joinSeries(await this.states(checkpoint));
  }

  /** One job; the error where it is damaged, undefined where there is none. Rejects with StoreError. */
  async entry(key: string): Promise<Entry | StoreError | undefined> {
    return (await this.look(key)).entry;
  }

  /** It, and the version that a change of it follows. */
  async look(key: string): Promise<{ readonly entry: Entry | StoreError | undefined; readonly version: number }> {
    const store = await this.store;
    try {
      const head = await store.head(headOf(key));
      return { entry: head && entryOrError(head), version: head?.version ?? 0 };
    } catch (error) {
      if (isA(error, StoreError) && error.reason === 'damaged') return { entry: error, version: 0 };
      throw error;
    }
  }

  /** Each job that is kept, or those of `keys`, by its key; the entry of one that is damaged is the error. */
  async *entries(keys?: ReadonlySet<string>): AsyncGenerator<Listed> {
    if (keys === undefined) yield* this.entriesBelow('');
    for (const key of keys ?? []) {
      const entry = await this.entry(key);
      if (entry !== undefined) yield { key, entry };
    }
  }

  /** Those whose keys begin so. */
  async *entriesBelow(start: string): AsyncGenerator<Listed> {
    const store = await this.store;
    const pageAfter = (after: string) => {
      const page = store.list({ prefix: `${jobsPrefix}${start}`, after, limit: pageSize });
      page.catch(() => {});
      return page;
    };
    for (let next = pageAfter(''); ; ) {
      const page = await next;
      const last = page.at(-1);
      // The store finds the next ones while these are read.
      if (last !== undefined && page.length === pageSize) next = pageAfter(last.name);
      for (const head of page) yield { key: keyOf(head.name), entry: entryOrError(head) };
      if (last === undefined || page.length < pageSize) return;
    }
  }

  /** Who has it, as far as that may be alive: where it is nobody, the job may be taken over. */
  async holder({ owner }: Entry): Promise<Seen | undefined> {
    return owner === undefined ? undefined : this.owners.watch(owner);
  }

  /** Where an owner is, as far as one look tells; nothing is changed by it. */
  whereabouts(owner: string): Promise<Whereabouts> {
    return this.owners.whereabouts(owner);
  }

  /** Removes a job that `may` be removed; false where it may not or is not there. One that is damaged is told as the error. */
  async forget(key: string, may: (entry: Entry | StoreError) => boolean): Promise<boolean> {
    const { entry, version } = await this.look(key);
    if (entry === undefined || !may(entry)) return false;
    await (await this.store).commit({ heads: [{ name: headOf(key), expected: version, state: undefined }] });
    this.tidy();
    return true;
  }

  /** Removes results that are older than so many ms. */
  async expire(age: number): Promise<void> {
    const isOld = (entry: Entry | StoreError) =>
      !(entry instanceof StoreError) && entry.state !== 'live' && Date.now() - entry.changedAt > age;
    for await (const { key, entry } of this.entries()) if (isOld(entry)) await this.forget(key, isOld).catch(() => {});
  }

  /** Collects what no head reaches any more, once it may be much: `least` bytes. */
  tidy(least: number = leastGarbage.meanwhile): void {
    if (this.collecting || this.garbage < least) return;
    this.collecting = true;
    this.garbage = 0;
    const done = this.store
      .then((store) => store.collect())
      .catch(() => {})
      .finally(() => {
        this.collecting = false;
      });
    void this.track(done);
  }

  private track<T>(work: Promise<T>): Promise<T> {
    this.working.add(work);
    const end = () => this.working.delete(work);
    work.then(end, end);
    return work;
  }

  private async idle(): Promise<void> {
    while (this.working.size > 0) await Promise.allSettled(this.working);
  }

  /** Resolves once all that was begun is done. */
  close(): Promise<void> {
    this.closed ??= this.finish();
    return this.closed;
  }

  private async finish(): Promise<void> {
    await this.idle();
    this.tidy(leastGarbage.atEnd);
    await this.idle();
    await this.owners.leave();
    if (this.isOurs) await this.store.then((store) => store.close()).catch(() => {});
  }
}

/** A job that nobody has yet, and that has not begun. */
export function newEntry(
  about: Omit<Fresh, 'spec' | 'modules'> & Line,
  spec: string,
  modules: readonly string[],
): Entry {
  const now = Date.now();
  return {
    ...about,
    ...{ state: 'live', fence: 1, owner: undefined, saves: 0, paid: 0, spent: 0, calling: undefined },
    ...{ submittedAt: now, changedAt: now, checkpoint: undefined, result: undefined, spec, modules },
  };
}

function entryOrError(head: Head): Entry | StoreError {
  try {
    return entryOf(head);
  } catch (error) {
    if (error instanceof StoreError) return error;
    throw error;
  }
}

/** One that could not be opened is tried again when it is asked for again. */
function opener(path: string): () => Promise<Store> {
  let opened: Promise<Store> | undefined;
  return () => {
    opened ??= openStore(path).catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    return opened;
  };
}
