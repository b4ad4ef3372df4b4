// The exception that is on its way through native code, as an instance's code throws and catches it.

import { newPinnedException } from '../../runtime/collect.ts';
import type { Thrown } from '../../runtime/engine.ts';
import type { Store } from '../../runtime/store.ts';
import type { TagAddr } from '../../spec/types.ts';
import type { Scratch } from '../module/scratch-memory.ts';
import type { Exceptions } from '../module/thunks.ts';

/** Words of the heap that must be free, or code leaves soon for a collection. */
export const spareWords = 4096;

export class Flight {
  /** What a host function threw, until it is caught. */
  host: Thrown | undefined;

  constructor(
    private readonly home: { readonly store: Store },
    private readonly scratch: Scratch,
  ) {}

  /** What one instance throws; `takeFuel` says what it had left, and that it gets nothing back where that is asked. */
  of(takeFuel: (forgo: boolean) => number): Exceptions {
    return {
      throw: (tag) => this.start(this.make(tag), takeFuel),
      throwAgain: (exception) => this.start(exception, takeFuel),
      catch: (tag) => this.catch(tag),
    };
  }

  /** What it carries is in the scratch memory. */
  private make(tag: TagAddr): number {
    return newPinnedException(this.home.store, tag, this.scratch.words);
  }

  private start(exception: number, takeFuel: (forgo: boolean) => number): void {
    this.host = undefined;
    this.scratch.held = takeFuel(!this.home.store.heap.hasRoom(spareWords));
    this.scratch.thrown = exception;
  }

  private catch(tag: TagAddr): boolean {
    const { heap } = this.home.store;
    const { thrown, words } = this.scratch;
    if (heap.tag(thrown) !== tag) return false;
    heap.getFields(thrown, heap.shape(thrown), words, 0);
    return true;
  }

  /** What nobody caught, for the host. */
  land(): { readonly exception: number; readonly host: Thrown | undefined } {
    const { host } = this;
    const exception = this.scratch.thrown;
    this.host = undefined;
    this.scratch.thrown = -1;
    return { exception, host };
  }
}
