// `wasbox batch`: runs the jobs of a file on a pool of threads. On a terminal a bar shows how far it is, and what the
// jobs gave comes at the end; elsewhere each job has its line as soon as it is done.

import cliProgress from 'cli-progress';
import type { Job } from '../pool/job.ts';
import { Pool } from '../pool/pool.ts';
import type { WasboxError } from '../spec/errors.ts';
import { parseCount } from './arguments.ts';
import { type Exit, errorLine, known } from './exit.ts';
import { type NamedJob, readJobs } from './jobs.ts';
import { count, formatValue, plain, toJson } from './print.ts';

export interface BatchOptions {
  readonly threads?: string;
  readonly cache?: string;
  readonly json?: boolean;
}

/** How a job ended. */
interface Ended {
  readonly job: NamedJob;
  readonly stats: Job['stats'];
  readonly output?: unknown;
  readonly error?: WasboxError;
}

/** Hears of each job that has ended. */
interface Display {
  show(ended: Ended): void;
  close(): void;
}

export async function batch(file: string, { threads, cache, json = false }: BatchOptions): Promise<Exit> {
  const jobs = readJobs(file);
  const format = json ? jsonLine : textLine;
  const display = process.stderr.isTTY ? new Bar(jobs.length, format) : new Lines(format);
  const started = performance.now();
  const failed = await runAll(jobs, poolFor(threads, cache), display);
  display.close();
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.error(`${count(jobs.length - failed, 'job')} done, ${failed} failed, ${seconds} s`);
  return failed === 0 ? 'ok' : 'failed';
}

const poolFor = (threads: string | undefined, cache: string | undefined): Pool =>
  new Pool({ threads: threads === undefined ? undefined : parseCount(threads, '--threads', 1), cache });

/** Returns how many failed. */
async function runAll(jobs: readonly NamedJob[], pool: Pool, display: Display): Promise<number> {
  try {
    const ends = jobs.map(async (job) => {
      const ended = await end(pool, job);
      display.show(ended);
      return ended;
    });
    return (await Promise.all(ends)).filter(({ error }) => error !== undefined).length;
  } finally {
    await pool.close();
  }
}

async function end(pool: Pool, job: NamedJob): Promise<Ended> {
  const handle = pool.submit(job.spec as never) as Job<unknown>;
  try {
    return { job, output: await handle.result, stats: handle.stats };
  } catch (error) {
    return { job, error: known(error), stats: handle.stats };
  }
}

function jsonLine({ job, output, error, stats }: Ended): string {
  const outcome =
    error === undefined ? { status: 'done', output } : { status: 'failed', code: error.code, error: error.message };
  return toJson({ name: job.name, ...outcome, stats });
}

function textLine({ job, output, error, stats }: Ended): string {
  const outcome = error === undefined ? outputText(output) : `failed: ${errorLine(error)}`;
  return plain(`${job.name}: ${outcome} (${stats.guestMs.toFixed(0)} ms)`);
}

const outputText = (output: unknown): string =>
  Array.isArray(output) ? output.map(formatValue).join(' ') || 'done' : (toJson(output) ?? 'done');

class Lines implements Display {
  constructor(private readonly format: (ended: Ended) => string) {}

  show(ended: Ended): void {
    console.log(this.format(ended));
  }
  close(): void {}
}

/** Lines would tear the bar apart, so they wait until it is full. */
class Bar implements Display {
  private readonly bar = new cliProgress.SingleBar(
    {
      format: '{bar} {value}/{total} jobs, {failed} failed, {duration_formatted}',
      hideCursor: true,
      clearOnComplete: true,
    },
    cliProgress.Presets.shades_classic,
  );
  private readonly lines: string[] = [];
  private failed = 0;

  constructor(
    total: number,
    private readonly format: (ended: Ended) => string,
  ) {
    this.bar.start(total, 0, { failed: 0 });
  }

  show(ended: Ended): void {
    if (ended.error !== undefined) this.failed++;
    this.lines.push(this.format(ended));
    this.bar.increment({ failed: this.failed });
  }

  close(): void {
    this.bar.stop();
    for (const line of this.lines) console.log(line);
  }
}
