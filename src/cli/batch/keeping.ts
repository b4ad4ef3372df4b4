// What `wasbox batch --store` keeps: by which keys, what of it is forgotten once the batch is done, and what is left then.

import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { Ledger, OtherJobError } from '../../pool/durable/ledger.ts';
import type { Seen } from '../../pool/durable/owners.ts';
import type { Job } from '../../pool/job/job.ts';
import type { Pool } from '../../pool/pool.ts';
import type { SaveEvery } from '../../pool/told/options.ts';
import { StoreError, UsageError } from '../../spec/errors.ts';
import { isA, plain } from '../../spec/told.ts';
import { leaseMs } from '../keep/keeping.ts';
import { hasLived, placeOf, waits } from '../keep/waiting.ts';
import { parseSaveEvery } from '../read/arguments.ts';
import { standardInput } from '../read/lines.ts';
import { warn } from '../told/output.ts';
import { count, shellWord } from '../told/print.ts';
import { type JobLine, JobLines, jobKey } from './jobs.ts';

/** How often it is looked at who has a job that is not taken up. */
const patienceMs = 1000;
/** Keys that are told. */
const mostTold = 20;

export class BatchKeeping {
  private readonly saveEvery: SaveEvery;
  /** What the keys of its jobs begin with: the same for the same file. */
  private readonly start: string;
  private opened: Ledger | undefined;
  /** Keys of jobs that another module, or what cannot be read, has. */
  private readonly foreign = new Set<string>();
  /** Owners that were told of, as they were then; undefined once they were seen to live. */
  private readonly told = new Map<string, Seen | undefined>();
  private isClosed = false;

  /** Throws UsageError. */
  constructor(
    private readonly pool: Pool,
    file: string,
    /** Nobody can read a line again to forget its job later. */
    private readonly isStream: boolean,
    private readonly store: string,
    every = '1s',
  ) {
    this.saveEvery = parseSaveEvery(every);
    const path = file === standardInput ? file : realpathSync(file);
    this.start = `batch/${createHash('sha256').update(path).digest('hex').slice(0, 16)}/`;
  }

  private get ledger(): Ledger {
    this.opened ??= new Ledger(this.store, leaseMs);
    return this.opened;
  }

  /** The same for the same line of the same file. */
  of({ index, text }: JobLine): { readonly key: string; readonly saveEvery: SaveEvery } {
    return { key: `${this.start}${index}-${jobKey(text)}`, saveEvery: this.saveEvery };
  }

  ended(job: JobLine, error: unknown): void {
    const { key } = this.of(job);
    if (isA(error, OtherJobError) || isUnreadable(error)) this.foreign.add(key);
    else if (this.isStream) void this.forget(key).catch(() => {});
  }

  /** Whoever runs the batch again wants it to be run. Tells what is kept of none of its jobs. */
  async finish(file: string): Promise<void> {
    const own = new Set<string>();
    if (!this.isStream)
      for await (const job of new JobLines(file)) {
        const { key } = this.of(job);
        if (await this.forget(key)) this.foreign.delete(key);
        else own.add(key);
      }
    const left = new Set(this.foreign);
    if (!this.isStream)
      for await (const { key, entry } of this.ledger.entriesBelow(this.start))
        if (isA(entry, StoreError) || !own.has(key)) left.add(key);
    if (left.size > 0) this.tell([...left]);
  }

  /** False where it is kept: it has no result, as its end was none that can be, or cannot be read. */
  private async forget(key: string): Promise<boolean> {
    try {
      await this.pool.forget(key);
      return true;
    } catch (error) {
      if (isA(error, UsageError) || isUnreadable(error)) return false;
      throw error;
    }
  }

  private tell(keys: readonly string[]): void {
    const some = [this.store, ...keys.slice(0, mostTold)].map(shellWord).join(' ');
    const more = keys.length > mostTold ? ` and ${keys.length - mostTold} more` : '';
    const what = count(keys.length, 'job is', 'jobs are');
    warn(plain(`${what} kept that no line of the file has as it now is; to remove: wasbox jobs rm ${some}${more}`));
  }

  // ---- jobs that others have

  /** Tells of another process that has the job, which is waited for. */
  watch(job: Job<unknown>): void {
    const timer = setInterval(() => void this.lookAt(job).catch(() => {}), patienceMs).unref();
    const over = () => clearInterval(timer);
    job.result.then(over, over);
  }

  private async lookAt(job: Job<unknown>): Promise<void> {
    const isWaiting = () => !this.isClosed && job.status === 'waiting' && job.stats.slices === 0;
    if (!isWaiting()) return;
    const entry = await this.ledger.entry(job.key as string);
    const by = entry === undefined || isA(entry, StoreError) ? undefined : await this.ledger.holder(entry);
    if (by !== undefined && isWaiting()) this.tellOf(by);
  }

  private tellOf(by: Seen): void {
    const before = this.told.get(by.owner);
    if (!this.told.has(by.owner)) {
      warn(plain(`jobs were under way in ${placeOf(by)}; ${waits(by)}`));
      this.told.set(by.owner, by);
    } else if (before !== undefined && hasLived(before, by)) {
      warn(plain(`${placeOf(by)} lives: what comes of its jobs is waited for`));
      this.told.set(by.owner, undefined);
    }
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await this.opened?.close();
  }
}

const isUnreadable = (error: unknown): boolean =>
  isA(error, StoreError) && (error.reason === 'damaged' || error.reason === 'version');
