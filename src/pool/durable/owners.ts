// Who has jobs, and who is dead. Each pool that keeps jobs is an owner: a head that it commits anew every so often. Whether one is
// dead is a guess, made by counting: one whose head has not changed for as long as its lease is, by our own steady clock; or one
// of our machine whose process is gone. No clock of a machine is read, so that it does not matter where one was set to. A wrong
// guess is no harm: who lost a job finds that out by its number (ledger.ts).

import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { attempt, cut, isA } from '../../spec/told.ts';
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

/** Another owner that may be alive, as it was when we looked: one whose version differs the next time has lived until then. */
export interface Seen {
  readonly owner: string;
  readonly version: number;
  /** The name of its machine, which is what it says. */
  readonly host: string | undefined;
  /** Ms without a change after which it is taken for dead. */
  readonly lease: number;
}

/** What is known of an owner at one look: its process is gone, is one of this machine, or is where we cannot see it. */
export type Whereabouts = 'gone' | 'here' | 'elsewhere';

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

/** What it says may be anything. */
const read = ({ data }: Head): Partial<Record<keyof OwnerData, unknown>> => attempt(() => Object(unpack(data)), {});

const placed = ({ place, pid }: ReturnType<typeof read>): Whereabouts => {
  if (place !== here || typeof pid !== 'number') return 'elsewhere';
  return isRunning(pid) ? 'here' : 'gone';
};

const leaseOf = ({ lease }: ReturnType<typeof read>): number =>
  typeof lease === 'number' && lease >= 0 ? Math.min(lease, longestLease) : longestLease;

const hostOf = ({ place }: ReturnType<typeof read>): string | undefined =>
  typeof place === 'string' ? cut(place.split(' ')[0]) || undefined : undefined;

export class Owners {
  /** Our own name. */
  readonly id = randomUUID();
  private version = 0;
  private registered: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private sweeping = Promise.resolve();
  /** One at a time: a store may take longer than they are apart. */
  private renewing: Promise<void> | undefined;
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
          this.renewing ??= this.renew()
            .catch(() => {})
            .finally(() => {
              this.renewing = undefined;
            });
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
    return (await this.watch(owner)) === undefined;
  }

  /** Undefined where it is dead: its jobs may be taken over. One whose process we cannot see has to be asked for again and again. */
  async watch(owner: string): Promise<Seen | undefined> {
    if (owner === this.id) return undefined;
    const head = await this.headOf(owner);
    if (head === undefined) return undefined;
    const { version } = head;
    const data = read(head);
    if (placed(data) === 'gone') return this.bury(head, owner);
    const lease = leaseOf(data);
    const known = this.seen.get(owner);
    if (known?.version !== version) this.seen.set(owner, { version, since: performance.now() });
    else if (performance.now() - known.since >= lease) return this.bury(head, owner);
    return { owner, version, host: hostOf(data), lease };
  }

  /** Where an owner is, as far as one look tells. */
  async whereabouts(owner: string): Promise<Whereabouts> {
    if (owner === this.id) return 'here';
    const head = await this.headOf(owner);
    return head === undefined ? 'gone' : placed(read(head));
  }

  private async headOf(owner: string): Promise<Head | undefined> {
    return (await this.store()).head(prefix + owner);
  }

  /** Others need not find that out again. */
  private async bury({ name, version }: Head, owner: string): Promise<undefined> {
    this.seen.delete(owner);
    await (await this.store()).commit({ heads: [{ name, expected: version, state: undefined }] }).catch(() => {});
  }

  /** What we have not finished is anybody's. */
  async leave(): Promise<void> {
    clearInterval(this.timer);
    if (this.registered === undefined) return;
    await this.registered.catch(() => {});
    await this.renewing;
    await this.sweeping;
    const heads = [{ name: prefix + this.id, expected: this.version, state: undefined }];
    await (await this.store()).commit({ heads }).catch(() => {});
  }
}
