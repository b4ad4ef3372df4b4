// Values as JavaScript sees them, and references as data.
//
// A reference is two words, (payload, kind). Nothing in it points outside the store:
//   null     0, 0
//   func     function address, 1
//   extern   index into the store's host values, 2
//   object   address in the store's heap, 3 (a struct or an array)
//   i31      the number, 4
//   exn      address of an exception in the store, 5
// A reference keeps its kind when it is converted between extern and any.

import { UsageError } from '../spec/errors.ts';

export const refKinds = { null: 0, func: 1, extern: 2, object: 3, i31: 4, exn: 5 } as const;

/**
 * A reference to something in a store, as the host holds it. Equal references are the same object; those to small integers
 * only as long as there are not too many (bounds.ts), so compare their payloads.
 */
export class Ref {
  private gone = false;

  constructor(
    /** The store that it is of: a reference means nothing in another one. */
    readonly store: object,
    readonly kind: 'func' | 'object' | 'i31' | 'exn',
    private readonly words: number,
  ) {}

  /** Throws UsageError for a reference that was let go of (references.ts). */
  get payload(): number {
    if (this.gone)
      throw new UsageError(
        'the reference was let go of: the host was handed more in one go than there is room for, so keep fewer, or await in between',
      );
    return this.words;
  }

  /** From now on it refers to nothing. */
  letGo(): void {
    this.gone = true;
  }
}

/** i32, f32, f64: number; i64: bigint; v128: 16 bytes; references: null, a Ref, or for extern any value of the host. */
export type Value = unknown;
