// Who has jobs, and who is dead. Each pool that keeps jobs is an owner: a head that it commits anew every so often. Whether one is
// dead is a guess, made by counting: one whose head has not changed for as long as its lease is, by our own steady clock; or one
// of our machine whose process is gone. No clock of a machine is read, so that it does not matter where one was set to. A wrong
// guess is no harm: who lost a job finds that out by its number (ledger.ts).

import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { attempt, isA } from '../../spec/told.ts';
import { type Head, type Store, StoreError } from '../../store/index.ts';
import { pack, unpack } from '../told/parcel.ts';

const prefix = 'owner/';

/** What an owner says of itself. */
interface OwnerData {
  readonly pid: number;
  /** Where that number means a process. */
  readonly place: string;
  /** Ms. */
  readonly lease: number;
}

/** A machine since it was started, and in it a set of process numbers. */
const here = [
  hostname(),
  attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(), ''),
  attempt(() => readlinkSync('/proc/self/ns/pid'), ''),
].join(' ');

/** Owners that are looked at at once; and after so many renewals the next time, which is well after a lease. */
const mostSwept = 1000;
const turnsToSweep = 6;

/** What is told of the lease of another owner is believed up to that. */
const longestLease = 3_600_000;

const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
};

export class Owners {
  /** Our own name. */
  readonly id = randomUUID();
  private version = 0;
  private registered: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private sweeping = Promise.resolve();
  /** Owners that we watch: the version of each, and since when it is that. */
  private readonly seen = new Map<string, { readonly version: number; readonly since: number }>();

  constructor(
    private readonly store: () => Promise<Store>,
    private readonly lease: number,
  ) {}

  /** From now on we are there for others to see. */
  register(): Promise<void> {
    this.registered ??= this.renew().then(
      () => {
        this.sweeping = this.sweep();
        let turns = 0;
        this.timer = setInterval(() => {
          void this.renew().catch(() => {});
          if (++turns % turnsToSweep === 0) this.sweeping = this.sweeping.then(() => this.sweep());
        }, this.lease / 3).unref();
      },
      (error: unknown) => {
        this.registered = undefined;
        throw error;
      },
    );
    return this.registered;
  }

  /** The dead whose jobs nobody asks for, as they had none, are forgotten, too. What goes wrong is for the next time. */
  private async sweep(): Promise<void> {
    try {
      const heads = await (await this.store()).list({ prefix, limit: mostSwept });
      for (const { name } of heads) await this.isDead(name.slice(prefix.length));
    } catch {}
  }

  /** Somebody may have taken us for dead, and removed the head. */
  private async renew(): Promise<void> {
    const store = await this.store();
    try {
      this.version = await this.commit(store, this.version);
    } catch (error) {
      if (!isA(error, StoreError) || error.reason !== 'conflict') throw error;
      const head = await store.head(prefix + this.id);
      this.version = await this.commit(store, head?.version ?? 0);
    }
  }

  private commit(store: Store, expected: number): Promise<number> {
    const data: OwnerData = { pid: process.pid, place: here, lease: this.lease };
    return store.commit({
      heads: [{ name: prefix + this.id, expected, state: { data: new Uint8Array(pack(data, 'an owner')) } }],
    });
  }

  /** Whether an owner's jobs may be taken over. */
  async isDead(owner: string): Promise<boolean> {
    if (owner === this.id) return true;
    const head = await (await this.store()).head(prefix + owner);
    if (head === undefined) return true;
    const data = attempt(() => Object(unpack(head.data)) as Partial<OwnerData>, {});
    if (data.place === here && typeof data.pid === 'number' && !isRunning(data.pid)) return this.bury(head, owner);
    const lease = Math.min(typeof data.lease === 'number' ? data.lease : longestLease, longestLease);
    const known = this.seen.get(owner);
    if (known?.version !== head.version) {
      this.seen.set(owner, { version: head.version, since: performance.now() });
      return false;
    }
    return performance.now() - known.since >= lease ? this.bury(head, owner) : false;
  }

  /** Others need not find that out again. */
  private async bury({ name, version }: Head, owner: string): Promise<boolean> {
    this.seen.delete(owner);
    await (await this.store()).commit({ heads: [{ name, expected: version, state: undefined }] }).catch(() => {});
    return true;
  }

  /** What we have not finished is anybody's. */
  async leave(): Promise<void> {
    clearInterval(this.timer);
    if (this.registered === undefined) return;
    await this.registered.catch(() => {});
    await this.sweeping;
    const heads = [{ name: prefix + this.id, expected: this.version, state: undefined }];
    await (await this.store()).commit({ heads }).catch(() => {});
  }
}
