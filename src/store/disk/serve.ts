// The process that has the file of a store open: it answers one process, and ends with it. Commits that come while one is under
// way become durable together.

import { StoreError } from '../../spec/errors.ts';
import { collect } from './collect.ts';
import { asStoreError, Database } from './database.ts';
import {
  beat,
  type Failure,
  type Kind,
  packHeads,
  type Questions,
  type Request,
  type Response,
  type WrittenCommit,
} from './protocol.ts';

/** Those that end the process that asks are no business of this one: it has a commit to finish. */
const ignored = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export function serve(): void {
  for (const signal of ignored) process.on(signal, () => {});
  const server = new Server();
  process.on('message', (request: Request) => void server.take(request));
  process.on('disconnect', () => process.exit());
}

type Waiting = { readonly id: number; readonly commit: WrittenCommit };

class Server {
  private path = '';
  private db: Database | undefined;
  private waiting: Waiting[] = [];
  /** One collection at a time. */
  private collecting: Promise<unknown> = Promise.resolve();

  async take(request: Request): Promise<void> {
    const { id, kind, ask } = request;
    if (kind === 'commit') return this.enqueue({ id, commit: ask as WrittenCommit });
    try {
      reply({ id, answer: await this.answer(kind, ask as never) });
    } catch (error) {
      reply({ id, failure: asFailure(error, this.path) });
    }
    if (kind === 'close') process.disconnect();
  }

  private answer<K extends Exclude<Kind, 'commit'>>(kind: K, ask: Questions[K]['ask']): unknown {
    return (this.answers as Record<string, (ask: unknown) => unknown>)[kind]?.(ask);
  }

  private readonly answers: { readonly [K in Exclude<Kind, 'commit'>]: (ask: Questions[K]['ask']) => unknown } = {
    open: (path) => {
      this.path = path;
      this.db = new Database(path);
    },
    head: (name) => this.open.head(name),
    list: (options) => packHeads(this.open.list(options)),
    get: (name) => this.open.get(name),
    has: (names) => this.open.has(names),
    collect: () => {
      const next = this.collecting.then(() => this.collect());
      this.collecting = next.catch(() => {});
      return next;
    },
    close: () => {
      this.commitAll();
      return this.db?.close();
    },
  };

  private get open(): Database {
    if (this.db === undefined) throw new StoreError('it is not open', 'closed', this.path);
    return this.db;
  }

  private enqueue(one: Waiting): void {
    this.waiting.push(one);
    if (this.waiting.length === 1) setImmediate(() => this.commitAll());
  }

  private commitAll(): void {
    const all = this.waiting;
    this.waiting = [];
    if (all.length === 0) return;
    const answers = this.open.commit(all.map(({ commit }) => commit));
    all.forEach(({ id }, i) => {
      const answer = answers[i];
      reply(answer instanceof StoreError ? { id, failure: asFailure(answer, this.path) } : { id, answer });
    });
    // After a failure of its disk LMDB takes no more writes; another process opens the file anew.
    if (answers.some((answer) => answer instanceof StoreError && answer.reason === 'io')) process.disconnect();
  }

  private async collect(): Promise<unknown> {
    const steps = collect(this.open);
    for (;;) {
      const { done, value } = steps.next();
      if (done) return value;
      reply(beat);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

const reply = (response: Response | typeof beat): void => {
  // Where nobody listens any more, the process is about to end.
  if (process.connected) process.send?.(response);
};

function asFailure(error: unknown, path: string): Failure {
  const { reason, message, where } = asStoreError(error, path);
  return { reason, message, where };
}
