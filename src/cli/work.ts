// `wasbox work`: takes jobs of a queue up and runs them, until it is told to end; then those that it has are saved and given back.

import type { Service } from '../pool/told/services.ts';
import type { Runner, RunnerOptions } from '../queue/index.ts';
import { UsageError } from '../spec/errors.ts';
import { mostMs } from '../spec/options.ts';
import { isA, messageOf, plain } from '../spec/told.ts';
import { type CacheOption, cacheFolder } from './keep/cache.ts';
import { parseCount, parseMs } from './read/arguments.ts';
import { loaded } from './read/files.ts';
import type { Exit } from './told/exit.ts';
import { warn } from './told/output.ts';
import { count } from './told/print.ts';
import { listen } from './told/signals.ts';

export interface WorkOptions {
  readonly queue?: string;
  readonly store?: string;
  readonly name?: string;
  readonly prefix?: string;
  readonly threads?: string;
  readonly jobs?: string;
  readonly waiting?: string;
  readonly services?: string;
  readonly lease?: string;
  readonly grace?: string;
  readonly cache?: CacheOption;
  /** False where it was told not to. */
  readonly share: boolean;
}

const graceMs = 10_000;

/** Throws UsageError. */
export async function work(options: WorkOptions): Promise<Exit> {
  const grace = options.grace === undefined ? graceMs : parseCount(options.grace, '--grace', 0, mostMs);
  const told = await runnerOptions(options);
  const { Runner } = await queueRoom(told.url);
  const interrupt = listen();
  const runner = new Runner(told);
  try {
    const ended = new Promise<void>((resolve) => {
      interrupt.signal.addEventListener('abort', () => resolve());
    });
    const ready = runner.ready().then(() => warn(plain(`${runner.id} takes jobs of ${told.name ?? 'wasbox'}`)));
    ready.catch(() => {});
    await ended;
  } finally {
    interrupt.release();
  }
  return leave(runner, grace);
}

async function leave(runner: Runner, grace: number): Promise<Exit> {
  const late = await runner.close(grace);
  const { ended, given } = runner.stats;
  const lost = late === 0 ? '' : `, ${late} not saved in time: others go on with them from where they were last saved`;
  warn(`${count(ended, 'job')} ended here, ${given} given back${lost}`);
  return late === 0 ? 'ok' : 'failed';
}

async function runnerOptions(options: WorkOptions): Promise<RunnerOptions> {
  const { queue: url, store, name, prefix, threads, jobs, waiting, lease, cache, share } = options;
  if (url === undefined || store === undefined)
    throw new UsageError('work needs --queue URL and --store, which say where the queue and its jobs are');
  return {
    ...{ url, store, name, prefix, share, onError: teller() },
    cache: cacheFolder(cache),
    threads: threads === undefined ? undefined : parseCount(threads, '--threads', 1, 1024),
    jobs: jobs === undefined ? undefined : parseCount(jobs, '--jobs', 1, 10_000),
    waiting: waiting === undefined ? undefined : parseCount(waiting, '--waiting', 0, 10_000),
    lease: lease === undefined ? undefined : parseMs(lease, '--lease'),
    services: options.services === undefined ? undefined : await readServices(options.services),
  };
}

/** The same again and again is told once. */
function teller(): (error: Error) => void {
  let last: string | undefined;
  return ({ message }) => {
    if (message !== last) warn(plain(`the queue: ${message}`));
    last = message;
  };
}

/** The services that a JavaScript module exports, as an object or as a function that makes it. Throws UsageError. */
async function readServices(path: string): Promise<Readonly<Record<string, Service>>> {
  const { services, default: standard } = await loaded(path);
  const given = services ?? standard;
  const made: unknown = typeof given === 'function' ? await given() : given;
  if (typeof made === 'object' && made !== null) return made as Readonly<Record<string, Service>>;
  throw new UsageError(`${path} exports no \`services\`: { module: { name() {} } }`);
}

/** BullMQ is installed by whoever needs it. */
async function queueRoom(url: string): Promise<typeof import('../queue/index.ts')> {
  try {
    return await import('../queue/index.ts');
  } catch (cause) {
    if (!isA(cause, Error) || (cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause;
    const client = /^postgres/.test(url) ? 'pg' : 'ioredis';
    throw new UsageError(`work needs a package that is not there: npm install bullmq ${client} (${messageOf(cause)})`, {
      cause,
    });
  }
}
