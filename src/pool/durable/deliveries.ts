// Jobs of a queue in the store. The queue delivers a job to one runner at a time, as far as it can tell; here is decided who of
// those that have been told so goes on with it. queue/README.md has the argument.

import { UsageError } from '../../spec/errors.ts';
import { isA, quoted } from '../../spec/told.ts';
import { type NewBlob, StoreError } from '../../store/index.ts';
import { LostError } from '../told/ends.ts';
import { split } from './blobs.ts';
import { type Entry, headOf, stateOf } from './entry.ts';
import {
  type Delivered,
  type Found,
  Held,
  type Ledger,
  type Line,
  newEntry,
  OtherJobError,
  type Wanted,
} from './ledger.ts';

export class Deliveries {
  /** Modules that the store had when we last looked: by their bytes, the roots. */
  private readonly known = new WeakMap<Uint8Array, string>();

  /** Each take is an owner of its own: a runner may be given the same job twice. */
  private takes = 0;

  constructor(private readonly ledger: Ledger) {}

  /** Rejects with StoreError. */
  async find(key: string): Promise<Found | undefined> {
    const { entry, version } = await this.ledger.look(key);
    if (isA(entry, StoreError)) throw entry;
    return entry && { entry, version };
  }

  // ---- whoever submits

  /** The job of that key, or a new one. Rejects with UsageError where the key is that of another job, and with StoreError. */
  async put(key: string, { digest, make }: Wanted, line: Line): Promise<Found> {
    const { spec, modules, ...about } = make();
    const written = split(spec);
    for (let isSure = false; ; ) {
      const code = modules.map((bytes) => this.module(bytes, isSure));
      const roots = code.map(({ root }) => root);
      const entry = newEntry({ ...about, ...line }, written.root, roots);
      const blobs = [...written.blobs, ...code.flatMap((each) => each.blobs)];
      const version = await this.swap({ entry, version: 0 }, entry, key, blobs, () => {
        isSure = true;
      });
      if (version !== undefined) {
        for (const [i, bytes] of modules.entries()) this.known.set(bytes, roots[i] as string);
        return { entry, version };
      }
      const found = await this.find(key);
      if (found === undefined) continue;
      if (found.entry.digest !== digest) throw new OtherJobError(key);
      if (found.entry.by !== 'queue' && found.entry.state === 'live')
        throw new UsageError(`the key ${quoted(key)} is that of a job of a pool`);
      return found;
    }
  }

  /** What the store is said to have is not sent again, unless it turns out that somebody has collected it. */
  private module(bytes: Uint8Array, isSure: boolean): { readonly root: string; readonly blobs: readonly NewBlob[] } {
    const root = isSure ? undefined : this.known.get(bytes);
    return root === undefined ? split(bytes) : { root, blobs: [] };
  }

  /** Undefined where somebody was faster, or where blobs were `missing`. */
  private async swap(
    { version }: Found,
    entry: Entry | undefined,
    key: string,
    blobs: readonly NewBlob[] = [],
    missing?: () => void,
  ): Promise<number | undefined> {
    const heads = [{ name: headOf(key), expected: version, state: entry && stateOf(entry) }];
    try {
      return await (await this.ledger.store).commit({ blobs, heads });
    } catch (error) {
      if (!isA(error, StoreError)) throw error;
      if (error.reason === 'missing' && missing !== undefined) missing();
      else if (error.reason !== 'conflict') throw error;
      return undefined;
    }
  }

  /** Changes a job that has not ended, if it is one of a queue: what is neither, is given as it is. */
  private async update(key: string, change: (entry: Entry) => Entry | undefined): Promise<Found | undefined> {
    for (;;) {
      const found = await this.find(key);
      if (found === undefined) return undefined;
      const { by, state } = found.entry;
      if (by !== 'queue') throw new UsageError(`the job ${quoted(key)} is none of a queue`);
      const entry = state === 'live' ? change(found.entry) : found.entry;
      if (entry === found.entry) return found;
      const version = await this.swap(found, entry, key);
      if (version !== undefined) return { entry: entry ?? found.entry, version };
    }
  }

  /** Asks it to come to rest. It rests once it is nobody's; its owner finds the wish with its next change. */
  rest(key: string): Promise<Found | undefined> {
    return this.update(key, (entry) => (entry.wish === 'rest' ? entry : { ...entry, wish: 'rest' }));
  }

  /** It rests as it was last saved: whoever has it has lost it. */
  seizeToRest(key: string): Promise<Found | undefined> {
    return this.update(key, (entry) =>
      entry.owner === undefined && entry.wish === 'rest'
        ? entry
        : { ...entry, wish: 'rest', owner: undefined, fence: entry.fence + 1 },
    );
  }

  /** A job that rests may go on, by a new `ticket`; any other goes on as it does. */
  resume(key: string, ticket: string): Promise<Found | undefined> {
    return this.update(key, (entry) => {
      if (entry.wish === undefined) return entry;
      return { ...entry, wish: undefined, ...(entry.owner === undefined ? { ticket } : {}) };
    });
  }

  /** It goes on by another ticket, and by that only, where it has this one: the queue has lost it, or given it up. */
  renew(key: string, from: string, ticket: string): Promise<Found | undefined> {
    return this.update(key, (entry) =>
      entry.ticket === from ? { ...entry, ticket, owner: undefined, fence: entry.fence + 1 } : entry,
    );
  }

  /** Removes a job that has no result; its owner finds that with its next change. */
  remove(key: string): Promise<Found | undefined> {
    return this.update(key, () => undefined);
  }

  // ---- whoever runs them

  /**
   * A job that was delivered by that ticket. Where somebody has it by the store, the head is read, then the queue is asked whether
   * the delivery still stands (`isOurs`), and only then the head is changed, if it is as it was read. Rejects with StoreError.
   */
  async take(key: string, ticket: string, isOurs: () => Promise<boolean>): Promise<Delivered> {
    for (;;) {
      const found = await this.find(key);
      if (found === undefined) return { kind: 'absent' };
      const { entry, version } = found;
      if (entry.by !== 'queue' || entry.ticket !== ticket) return { kind: 'stale' };
      if (entry.state !== 'live') return { kind: 'ended', entry };
      const isResting = entry.wish === 'rest';
      if (entry.owner === undefined && isResting) return { kind: 'resting' };
      const held = new Held(key, entry, version);
      const claim = { owner: `${this.ledger.owner}.${this.takes++}`, fence: entry.fence + 1 };
      if (entry.owner === undefined) {
        held.claim = claim;
        return { kind: 'held', held, isNew: entry.saves === 0 };
      }
      if (!(await isOurs())) return { kind: 'late' };
      if (await this.seize(held, isResting ? { ...claim, owner: undefined } : claim))
        return isResting ? { kind: 'resting' } : { kind: 'held', held, isNew: false };
    }
  }

  private async seize(held: Held, claim: Pick<Entry, 'owner' | 'fence'>): Promise<boolean> {
    const version = await this.swap(held, { ...held.entry, ...claim }, held.key);
    if (version === undefined) return false;
    held.version = version;
    held.entry = { ...held.entry, ...claim };
    return true;
  }

  /** Lets go of what was taken and has not begun. */
  async drop(held: Held): Promise<void> {
    if (held.claim !== undefined) return;
    await this.ledger.release(held).catch((error: unknown) => {
      if (!isA(error, LostError)) throw error;
    });
  }
}
