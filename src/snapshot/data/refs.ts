// Whether references are what their types say. What stands for a reference is told in runtime/value.ts.

import { refKinds } from '../../runtime/heap/ref.ts';
import type { Shape } from '../../runtime/heap/shape.ts';
import { type DefType, heapMatches } from '../../spec/deftypes.ts';
import { checkDeadline } from '../../spec/patience.ts';
import { type RefType, typeName } from '../../spec/types.ts';
import { bad } from './form.ts';

const isI31 = (value: number): boolean => value >= -(2 ** 30) && value < 2 ** 30;

export class Refs {
  constructor(
    private readonly funcs: readonly DefType[],
    private readonly externs: number,
    /** The shape of the object at an address, if there is one. */
    private readonly shapeAt: (address: number) => Shape | undefined,
  ) {}

  /** Whether the words (payload, kind) are a reference of the type. */
  fits(payload: number, kind: number, { heap, nullable }: RefType): boolean {
    switch (kind) {
      case refKinds.null:
        return nullable && payload === 0;
      case refKinds.func: {
        const type = this.funcs[payload];
        return type !== undefined && (heapMatches(type, heap) || holdsAll(heap));
      }
      case refKinds.extern:
        return payload >= 0 && payload < this.externs && holdsAll(heap);
      case refKinds.object: {
        const shape = this.shapeAt(payload);
        return shape !== undefined && shape.kind !== 'exn' && (heapMatches(shape.type, heap) || holdsAll(heap));
      }
      case refKinds.i31:
        return isI31(payload) && (heapMatches('i31', heap) || holdsAll(heap));
      case refKinds.exn:
        return this.shapeAt(payload)?.kind === 'exn' && (heapMatches('exn', heap) || holdsAll(heap));
      default:
        return false;
    }
  }

  /** Throws SnapshotError unless a reference of the type stands in the words. */
  check(words: Int32Array, at: number, type: RefType, where: () => string): void {
    if (!this.fits(words[at] as number, words[at + 1] as number, type))
      bad(`no reference of type ${typeName(type)}`, where());
  }

  checkAll(words: Int32Array, type: RefType, where: string): void {
    for (let i = 0; i < words.length; i += 2) {
      checkDeadline('verifying a snapshot');
      this.check(words, i, type, () => `${where}, element ${i / 2}`);
    }
  }
}

/** References of every kind become these when the host passes them, or the guest converts them. */
const holdsAll = (heap: RefType['heap']): boolean => heap === 'extern' || heap === 'any';
