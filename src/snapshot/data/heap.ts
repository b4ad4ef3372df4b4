// Objects of the heap in a snapshot. Saving copies those that its references reach, and gives them new addresses in the
// order in which they are met: so equal states have equal objects, and dead ones are not saved. Likewise for values of the
// host. What is believed of saved objects stands here too.

import { type Heap, isHeapKind } from '../../runtime/heap/heap.ts';
import { refKinds } from '../../runtime/heap/ref.ts';
import { holdsRefs, longHeader, type Shape, shapeOf, sizeOf, structHeader } from '../../runtime/heap/shape.ts';
import type { Store } from '../../runtime/store.ts';
import type { DefType } from '../../spec/deftypes.ts';
import { checkDeadline } from '../../spec/patience.ts';
import type { RefType } from '../../spec/types.ts';
import type { ModuleContext } from '../../validate/context.ts';
import { bad } from './form.ts';
import { hostMade, type SavedHeap } from './format.ts';
import type { Refs } from './refs.ts';

/** Where an object's fields, elements or values begin. */
const contentsAt = ({ kind }: Shape): number => (kind === 'struct' ? structHeader : longHeader);

// Writing.

export class SavedObjects {
  private readonly heap: Heap;
  /** Addresses in the store of the objects met so far; the place is the new address. */
  private readonly met: number[] = [];
  private readonly numbers = new Map<number, number>();
  private readonly types: number[] = [];
  private readonly typeNumbers = new Map<DefType | number, number>();
  private objects: Int32Array = new Int32Array(0);
  private length = 0;
  /** Values of the host met so far. */
  readonly hostValues: unknown[] = [];
  private readonly hostNumbers = new Map<number, number>();

  constructor(private readonly store: Store) {
    this.heap = store.heap;
  }

  /** Changes a reference, in a copy of the store's words, to what it is in the snapshot. */
  renumber(words: Int32Array, at: number): void {
    const kind = words[at + 1];
    if (isHeapKind(kind)) words[at] = this.objectNumber(words[at] as number);
    else if (kind === refKinds.extern) words[at] = this.hostNumber(words[at] as number);
  }

  private objectNumber(address: number): number {
    let number = this.numbers.get(address);
    if (number === undefined) {
      number = this.met.push(address) - 1;
      this.numbers.set(address, number);
    }
    return number;
  }

  private hostNumber(place: number): number {
    let number = this.hostNumbers.get(place);
    if (number === undefined) {
      number = this.hostValues.push(this.store.externs[place]) - 1;
      this.hostNumbers.set(place, number);
    }
    return number;
  }

  renumberAll(words: Int32Array, from = 0, to = words.length): void {
    for (let at = from; at < to; at += 2) {
      checkDeadline('saving');
      this.renumber(words, at);
    }
  }

  /** Copies the objects, once all references from outside are renumbered. */
  save(): SavedHeap<Int32Array> {
    this.objects = new Int32Array(this.heap.size);
    for (let i = 0; i < this.met.length; i++) {
      checkDeadline('saving');
      this.copy(this.met[i] as number);
    }
    return { types: Int32Array.from(this.types), objects: this.objects.slice(0, this.length) };
  }

  private put(word: number): void {
    this.objects[this.length++] = word;
  }

  private copy(address: number): void {
    const { heap } = this;
    const shape = heap.shape(address);
    const from = heap.at(address);
    this.put(this.typeNumber(shape, address));
    const count = shape.kind === 'array' ? heap.length(address) : 0;
    if (shape.kind === 'array') this.put(count);
    const start = this.length;
    const skipped = contentsAt(shape);
    const size = sizeOf(shape, count) - skipped;
    this.objects.set(heap.words.subarray(from + skipped, from + skipped + size), start);
    this.length += size;
    if (holdsRefs(shape)) this.renumberAll(this.objects, start, this.length);
    for (const ref of shape.refs) this.renumber(this.objects, start + ref - skipped);
  }

  private typeNumber(shape: Shape, address: number): number {
    const key = shape.kind === 'exn' ? this.heap.tag(address) : shape.type;
    let number = this.typeNumbers.get(key);
    if (number === undefined) {
      number = this.types.length / 2;
      this.typeNumbers.set(key, number);
      this.types.push(...(typeof key === 'number' ? [hostMade, key] : this.declaration(key)));
    }
    return number;
  }

  private places: Map<DefType, readonly [instance: number, index: number]> | undefined;

  /** The first place where a type is declared. */
  private declaration(type: DefType): readonly [number, number] {
    this.places ??= declarations(this.store);
    return this.places.get(type) ?? bad(`${type.name} is declared by no module`, 'heap');
  }
}

function declarations({ instances }: Store): Map<DefType, readonly [number, number]> {
  const places = new Map<DefType, readonly [number, number]>();
  const seen = new Set<ModuleContext>();
  for (const { addr, module } of instances) {
    if (seen.has(module.context)) continue;
    seen.add(module.context);
    module.context.types.forEach((type, index) => {
      if (!places.has(type)) places.set(type, [addr, index]);
    });
  }
  return places;
}

// Reading.

interface FoundType {
  readonly shape: Shape;
  /** Of exceptions. */
  readonly tag: number;
}

/** A saved object: where its contents begin among the words, and how many elements an array has. */
interface FoundObject extends FoundType {
  readonly length: number;
  readonly at: number;
  readonly size: number;
}

/** The saved objects, by address. They are many and small, so each is a word here. */
export class FoundObjects {
  count = 0;
  /** Where each begins. */
  private starts = new Int32Array(64);

  constructor(
    private readonly words: Int32Array,
    private readonly types: readonly FoundType[],
  ) {}

  /** Adds what begins at the word. Throws SnapshotError where that is no whole object. */
  add(start: number): FoundObject {
    if (this.count === this.starts.length) {
      const wider = new Int32Array(2 * this.count);
      wider.set(this.starts);
      this.starts = wider;
    }
    this.starts[this.count++] = start;
    return this.get(this.count - 1);
  }

  /** Of an object that there is. */
  get(address: number): FoundObject {
    const { words, types } = this;
    const start = this.starts[address] as number;
    const { shape, tag } = types[words[start] as number] ?? bad('of an unknown type', `object ${address}`);
    const isArray = shape.kind === 'array';
    const length = isArray ? (words[start + 1] ?? 0) >>> 0 : 0;
    const at = start + (isArray ? 2 : 1);
    const size = sizeOf(shape, length) - contentsAt(shape);
    if (at + size > words.length) bad('cut short', `object ${address}`);
    return { shape, length, at, size, tag };
  }

  /** The shape at an address, if there is an object. */
  shapeAt(address: number): Shape | undefined {
    if (address < 0 || address >= this.count) return undefined;
    return this.types[this.words[this.starts[address] as number] as number]?.shape;
  }
}

/** Finds all objects. Throws SnapshotError where they are not whole, or more than the limit allows. */
export function findObjects(
  { types, objects }: SavedHeap<Int32Array>,
  contexts: readonly ModuleContext[],
  tags: readonly DefType[],
  limit: number,
): FoundObjects {
  const found = new FoundObjects(objects, findTypes(types, contexts, tags));
  let left = limit / 4;
  for (let at = 0; at < objects.length; ) {
    checkDeadline('verifying a snapshot');
    const object = found.add(at);
    left -= sizeOf(object.shape, object.length) + 1;
    if (left < 0) bad(`objects are over the limit of ${limit} bytes`, 'heap');
    at = object.at + object.size;
  }
  return found;
}

/** Each is listed once, so there are no more than modules declare. */
function findTypes(
  words: Int32Array,
  contexts: readonly ModuleContext[],
  tags: readonly DefType[],
): readonly FoundType[] {
  if (words.length % 2 !== 0) bad('has half a type', 'heap');
  const found: FoundType[] = [];
  const seen = new Set<DefType | number>();
  for (let i = 0; i < words.length; i += 2) {
    const type = foundType(words[i] as number, words[i + 1] as number, contexts, tags);
    const key = type.tag < 0 ? type.shape.type : type.tag;
    if (seen.has(key as DefType | number)) bad('lists a type twice', 'heap');
    seen.add(key as DefType | number);
    found.push(type);
  }
  return found;
}

function foundType(
  instance: number,
  index: number,
  contexts: readonly ModuleContext[],
  tags: readonly DefType[],
): FoundType {
  const type = instance === hostMade ? tags[index] : contexts[instance]?.types[index];
  if (type === undefined) return bad('has a type that is none', 'heap');
  if ((type.comp.kind === 'func') !== (instance === hostMade)) bad('has a type that objects do not have', 'heap');
  return { shape: shapeOf(type), tag: instance === hostMade ? index : -1 };
}

/** Throws SnapshotError unless fields and elements are of their types. */
export function checkObjects({ objects: words }: SavedHeap<Int32Array>, found: FoundObjects, refs: Refs): void {
  for (let i = 0; i < found.count; i++) {
    checkDeadline('verifying a snapshot');
    const { shape, at, size } = found.get(i);
    const { element, fields } = shape;
    const where = `object ${i}`;
    if (element !== undefined && holdsRefs(shape))
      refs.checkAll(words.subarray(at, at + size), element.type as RefType, where);
    for (const field of fields) {
      const place = at + field.at - contentsAt(shape);
      if (typeof field.type === 'object') refs.check(words, place, field.type, () => where);
      else if (field.packed !== 0 && (words[place] as number) >>> field.packed !== 0)
        bad('a field is too large', where);
    }
  }
}

/** Fills an empty heap. */
export function restoreObjects({ heap }: Store, { objects: words }: SavedHeap<Int32Array>, found: FoundObjects): void {
  for (let i = 0; i < found.count; i++) {
    const { shape, length, at, size, tag } = found.get(i);
    const address = heap.allocate(shape, length);
    if (shape.kind === 'exn') heap.setTag(address, tag);
    heap.words.set(words.subarray(at, at + size), heap.at(address) + contentsAt(shape));
  }
}
