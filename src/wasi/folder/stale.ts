// In the place of what was open when a program was saved, and is not there any more. Whatever is done with it fails.

import { type Errno, fail } from '../errno.ts';
import type { FileKind } from '../files/kinds.ts';
import { NodeBase } from '../files/node.ts';
import type { FileStat, FileSystem } from '../files/types.ts';

export class StaleNode extends NodeBase {
  constructor(
    readonly system: FileSystem,
    readonly kind: FileKind,
    /** As it was before it became stale. */
    private readonly saved: unknown,
  ) {
    super();
  }

  hold(): void {}
  release(): void {}

  save(): unknown {
    return this.saved;
  }

  protected override refuse(_errno: Errno): never {
    return fail('stale');
  }

  stat(): FileStat {
    return fail('stale');
  }
  setTimes(): void {
    fail('stale');
  }
  open(): void {
    fail('stale');
  }
  sync(): void {
    fail('stale');
  }
}
