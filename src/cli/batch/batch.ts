// `wasbox batch`: runs the jobs of a file on a pool of threads, first in, first served. A job is read when a thread is
// free for it, so that a file may have any number of them, and has its time from then on.

import { statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { Job } from '../../pool/job/job.ts';
import { Pool } from '../../pool/pool.ts';
import { mostThreads } from '../../pool/told/stats.ts';
import type { Value } from '../../runtime/heap/ref.ts';
import { formatValue } from '../../runtime/literals.ts';
import { UsageError, type WasboxError } from '../../spec/errors.ts';
import { plain } from '../../spec/told.ts';
import { toldPlace } from '../../store/open/url.ts';
import { type CacheOption, cacheFolder } from '../keep/cache.ts';
import { leaseMs } from '../keep/keeping.ts';
import { parseCount } from '../read/arguments.ts';
import { standardInput } from '../read/lines.ts';
import { type Exit, errorJson, errorLine, isFullDisk, known, withMore } from '../told/exit.ts';
import { onClosed, warn } from '../told/output.ts';
import { count, jsonValue, toJson } from '../told/print.ts';
import { type EndSignal, exitOfSignal, listen } from '../told/signals.ts';
import { type Display, displayFor } from './display.ts';
import { type JobLine, JobLines, JobReader, type NamedJob } from './jobs.ts';
import { BatchKeeping } from './keeping.ts';
import { Results } from './results.ts';

export interface BatchOptions {
  readonly threads?: string;
  readonly cache?: CacheOption;
  readonly json?: boolean;
  readonly keepGoing?: boolean;
  /** A file for the results. */
  readonly output?: string;
  /** Go on with the batch whose results are in that file. */
  readonly resume?: boolean;
  /** A folder that keeps jobs as they go on. */
  readonly store?: string;
  readonly saveEvery?: string;
}

export async function batch(file: string, options: BatchOptions): Promise<Exit> {
  const { threads: wanted, output, resume = false, keepGoing = false } = options;
  const threads = wanted === undefined ? availableParallelism() : parseCount(wanted, '--threads', 1, mostThreads);
  if (options.saveEvery !== undefined && options.store === undefined)
    throw new UsageError('--save-every says how often jobs are saved in the folder that --store names');
  if (resume && output === undefined) throw new UsageError('--resume goes on with the file that --output names');
  const total = await survey(file, keepGoing);
  const results = output === undefined ? undefined : await Results.open(output, resume);
  return new Batch(file, options, threads, results, total).run();
}

/** Looks at all of a file before anything runs: how many jobs there are. Throws what is wrong with one, unless it may be. */
async function survey(file: string, keepGoing: boolean): Promise<number | undefined> {
  if (isStream(file)) return undefined;
  const reader = new JobReader(file);
  let total = 0;
  for await (const job of new JobLines(file)) {
    total++;
    if (!keepGoing) reader.check(job);
  }
  return total;
}

/** What can be read once only. */
function isStream(file: string): boolean {
  const found = file === standardInput ? undefined : statSync(file, { throwIfNoEntry: false });
  return file === standardInput || (found !== undefined && !found.isFile() && !found.isDirectory());
}

/** How a job ended; one that is a mistake never began. */
interface Ended {
  readonly job: JobLine;
  readonly named?: NamedJob | undefined;
  readonly stats?: Job['stats'] | undefined;
  readonly output?: unknown;
  readonly error?: WasboxError | undefined;
}

/** Why no more jobs are begun. */
type Stop =
  | { readonly kind: 'signal'; readonly signal: EndSignal }
  | { readonly kind: 'closed' }
  | { readonly kind: 'error'; readonly error: WasboxError };

class Batch {
  private readonly pool: Pool;
  private readonly lines: JobLines;
  private readonly reader: JobReader;
  private readonly display: Display;
  private readonly format: (ended: Ended) => string;
  /** From before anything is shown: a signal would leave the terminal without its cursor. */
  private readonly interrupt = listen();
  private readonly keeping: BatchKeeping | undefined;
  private readonly running = new Set<Promise<void>>();
  private readonly handles = new Set<Job<unknown>>();
  private readonly startedAt = performance.now();
  private stopped: Stop | undefined;
  /** What is wrong with the file; the jobs before come to their end. */
  private mistake: WasboxError | undefined;
  private done = 0;
  private failed = 0;

  constructor(
    private readonly file: string,
    private readonly options: BatchOptions,
    private readonly threads: number,
    private readonly results: Results | undefined,
    private readonly total: number | undefined,
  ) {
    const { store, cache, saveEvery } = options;
    this.pool = new Pool({ threads, cache: cacheFolder(cache), store, lease: leaseMs });
    this.keeping =
      store === undefined ? undefined : new BatchKeeping(this.pool, file, isStream(file), store, saveEvery);
    this.lines = new JobLines(file);
    this.reader = new JobReader(file);
    const { signal } = this.interrupt;
    signal.addEventListener('abort', () => this.stop({ kind: 'signal', signal: signal.reason as EndSignal }));
    onClosed(() => this.stop({ kind: 'closed' }));
    this.format = options.json ? (ended) => toJson({ index: ended.job.index, ...jsonOf(ended) }) : textLine;
    this.display = displayFor(total, results?.before ?? 0);
  }

  async run(): Promise<Exit> {
    try {
      await this.pool.ready();
      await this.feed().catch((thrown: unknown) => {
        this.mistake = known(thrown);
      });
      await Promise.all(this.running);
      // Whoever runs the batch again wants it to be run.
      if (this.stopped === undefined && this.mistake === undefined) await this.keeping?.finish(this.file);
    } finally {
      await this.keeping?.close();
      await this.pool.close();
      this.interrupt.release();
      this.display.close();
      this.results?.close();
    }
    return this.told();
  }

  private async feed(): Promise<void> {
    for await (const job of this.lines) {
      if (this.stopped !== undefined) return;
      if (this.results?.has(job)) continue;
      this.begin(job);
      while (this.running.size >= this.threads) await Promise.race(this.running);
    }
  }

  /** Jobs under way are given up: when the batch is gone on with, they go on where they were if they are kept, or begin anew. */
  private stop(stop: Stop): void {
    if (this.stopped !== undefined) return;
    this.stopped = stop;
    this.lines.close();
    const saved = this.keeping === undefined ? [] : [...this.handles].map((job) => job.suspend());
    void Promise.allSettled(saved).then(() => this.pool.terminate());
  }

  private begin(job: JobLine): void {
    const named = this.named(job);
    if (named === undefined) return;
    const task = this.end(job, named).then((ended) => {
      this.running.delete(task);
      if (this.stopped === undefined) this.ended(ended);
    });
    this.running.add(task);
  }

  /** What the line says; a mistake ends the batch or, where it is to go on, the job. */
  private named(job: JobLine): NamedJob | undefined {
    try {
      return this.reader.read(job);
    } catch (thrown) {
      const error = known(thrown);
      if (!this.options.keepGoing) throw error;
      this.ended({ job, error });
      return undefined;
    }
  }

  private async end(job: JobLine, named: NamedJob): Promise<Ended> {
    let handle: Job<unknown> | undefined;
    try {
      handle = this.pool.submit({ ...named.spec, ...this.keeping?.of(job) } as never) as Job<unknown>;
      this.handles.add(handle);
      this.keeping?.watch(handle);
      return { job, named, output: await handle.result, stats: handle.stats };
    } catch (error) {
      return { job, named, error: known(error), stats: handle?.stats };
    } finally {
      if (handle !== undefined) this.handles.delete(handle);
    }
  }

  private ended(ended: Ended): void {
    // The others would come to the same; the job is kept as it was.
    if (isFullDisk(ended.error)) return this.stop({ kind: 'error', error: ended.error });
    try {
      this.results?.write(ended.job, jsonOf(ended), toJson);
    } catch (thrown) {
      return this.stop({ kind: 'error', error: known(thrown) });
    }
    this.done++;
    if (ended.error !== undefined) this.failed++;
    this.keeping?.ended(ended.job, ended.error);
    this.display.ended(this.results === undefined ? this.format(ended) : undefined, ended.error !== undefined);
  }

  private told(): Exit {
    const { stopped, failed, done, mistake } = this;
    const all = done + (this.results?.before ?? 0);
    const progress = this.total === undefined ? `jobs done: ${all}` : `${all} of ${this.total} jobs are done`;
    if (mistake !== undefined && stopped === undefined) throw all === 0 ? mistake : withMore(mistake, progress);
    const seconds = ((performance.now() - this.startedAt) / 1000).toFixed(1);
    if (stopped === undefined) {
      const before = this.results?.before ?? 0;
      const earlier = before === 0 ? '' : `, ${before} before`;
      console.error(`${count(done - failed, 'job')} done, ${failed} failed${earlier}, ${seconds} s`);
      return failed === 0 ? 'ok' : 'failed';
    }
    const { output } = this.options;
    const further = this.further;
    if (stopped.kind === 'error') throw withMore(stopped.error, `${progress}, and ${further}`);
    if (stopped.kind === 'closed') {
      warn(`nobody reads the output any more: ${progress}`);
      return 'output';
    }
    warn(`interrupted: ${progress}; ${further}`);
    return output === undefined && this.keeping === undefined ? exitOfSignal(stopped.signal) : 'suspended';
  }

  private get further(): string {
    const { output, store } = this.options;
    if (store !== undefined && output !== undefined)
      return `--store ${toldPlace(store)} --output ${output} --resume goes on`;
    if (store !== undefined) return `--store ${toldPlace(store)} goes on`;
    return output === undefined ? 'with --output FILE it could be gone on with' : `--output ${output} --resume goes on`;
  }
}

/** As `run --json` tells it. */
function jsonOf({ job: { line }, named, output, error, stats }: Ended): object {
  return { line, name: named?.name, ...(error === undefined ? returned(named, output) : errorJson(error)), stats };
}

function returned(named: NamedJob | undefined, output: unknown): object {
  const types = named?.results;
  if (types === undefined) return { status: 'returned', output };
  return { status: 'returned', values: types.map((type, i) => jsonValue({ type, value: (output as Value[])[i] })) };
}

function textLine({ job, named, output, error, stats }: Ended): string {
  const outcome = error === undefined ? outputText(named, output) : `failed: ${errorLine(error)}`;
  const time = stats === undefined ? '' : ` (${stats.guestMs.toFixed(0)} ms)`;
  return plain(`${named?.name ?? job.line}: ${outcome}${time}`);
}

const outputText = (named: NamedJob | undefined, output: unknown): string =>
  named?.results === undefined ? (toJson(output) ?? 'done') : (output as Value[]).map(formatValue).join(' ') || 'done';
