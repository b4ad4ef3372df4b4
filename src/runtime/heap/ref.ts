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

import { UsageError } from '../../spec/errors.ts';
import { peek } from '../../spec/told.ts';
import type { ArrayType, FuncType, StructType } from '../../spec/types.ts';

export const refKinds = { null: 0, func: 1, extern: 2, object: 3, i31: 4, exn: 5 } as const;

/** What the type of a reference is, by its kind: of an exception, that of its tag. */
export interface RefTypes {
  readonly func: FuncType;
  readonly object: StructType | ArrayType;
  readonly i31: 'i31';
  readonly exn: FuncType;
}
/** What a reference can refer to. */
export type RefKind = keyof RefTypes;

/** What a reference needs of its store. */
export interface RefHome {
  typeOf<K extends RefKind>(ref: Ref<K>): RefTypes[K];
}

/**
 * A reference to something in a store, as the host holds it. Equal references are the same object; those to small integers
 * only as long as there are not too many (bounds.ts), so compare their payloads.
 */
export class Ref<K extends RefKind = RefKind> {
  private gone = false;

  /** @hidden */
  constructor(
    /** The store that it is of: a reference means nothing in another one. */
    readonly store: RefHome,
    readonly kind: K,
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

  /** The type of what it refers to. Throws UsageError as `payload` does. */
  get type(): RefTypes[K] {
    return this.store.typeOf(this);
  }

  /** From now on it refers to nothing. */
  letGo(): void {
    this.gone = true;
  }
}

/** A function of a VM: a reference to it, or what an instance exports. */
export type FuncLike = Ref | { readonly ref: Ref<'func'> };

/** The function that is meant: by a reference to it, or by what stands among an instance's exports. */
export function funcRefOf(value: unknown): Ref<'func'> | undefined {
  const ref = typeof value === 'function' ? peek(value, 'ref') : value;
  return ref instanceof Ref && ref.kind === 'func' ? ref : undefined;
}

/**
 * i32, f32, f64: number; i64: bigint; v128: 16 bytes; references: null, a Ref (for a function also what an
 * instance exports), or for extern any value of the host.
 */
export type Value = unknown;
