// A store that is slow, full, away, or loses its answers, as it is told.

import type { Collected, Commit, Head, KeptBlob, ListOptions, Store, StoreReason } from '../../src/store/index.ts';
import { StoreError } from './built.ts';

/** What happens to a question: it fails before it is asked, or its answer is lost. */
export interface Trouble {
  readonly when: 'before' | 'after';
  readonly reason: StoreReason;
}

export class Troubled implements Store {
  /** Of the next commits, one each. */
  readonly commits: Trouble['when'][] = [];
  /** Of all questions, as long as it is set. */
  trouble: Trouble | undefined;
  /** What each question waits for. */
  delay: (() => Promise<unknown>) | undefined;
  failed = 0;

  constructor(private readonly store: Store) {}

  private async ask<T>(act: () => Promise<T>, once?: Trouble['when']): Promise<T> {
    await this.delay?.();
    const trouble: Trouble | undefined = once === undefined ? this.trouble : { when: once, reason: 'io' };
    if (trouble?.when === 'before') throw this.error(trouble);
    const answer = await act();
    if (trouble !== undefined) throw this.error(trouble);
    return answer;
  }

  private error({ reason }: Trouble): Error {
    this.failed++;
    return new StoreError('a store of a test', reason, 'test');
  }

  commit(commit: Commit): Promise<number> {
    return this.ask(() => this.store.commit(commit), this.commits.shift());
  }
  head(name: string): Promise<Head | undefined> {
    return this.ask(() => this.store.head(name));
  }
  list(options?: ListOptions): Promise<readonly Head[]> {
    return this.ask(() => this.store.list(options));
  }
  get(name: string): Promise<KeptBlob> {
    return this.ask(() => this.store.get(name));
  }
  has(names: readonly string[]): Promise<readonly boolean[]> {
    return this.ask(() => this.store.has(names));
  }
  collect(): Promise<Collected> {
    return this.ask(() => this.store.collect());
  }
  close(): Promise<void> {
    return this.store.close();
  }
}
