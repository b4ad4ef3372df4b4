// Removes what no head reaches, in small steps between which commits take place. That is safe by two rules. A blob is removed
// before those that it links to, so that whatever is there has all that it needs, and a commit that links to it need look no
// further. And each removal is a transaction that first looks at the heads that were changed meanwhile.

import { NameSet } from '../names.ts';
import type { Collected } from '../types.ts';
import { type BlobLetter, blobKey, type Database } from './database.ts';

/** How many entries a step looks at, and how many it removes. */
const stepSize = { looks: 2000, removes: 1000 } as const;

/** A blob that no head has reached. */
interface Loose {
  readonly letter: BlobLetter;
  readonly name: Buffer;
  readonly links: readonly Buffer[];
  /** How many that are loose link to it. */
  parents: number;
}

const linkBytes = 32;
/** Where links begin in a blob's form, and in a head's. */
const linksAt = { blob: 0, head: 16 } as const;

function linksFrom(form: Buffer, at: number): Buffer[] {
  const count = form.length < at + 4 ? 0 : form.readUInt32LE(at);
  const held = Math.min(count, Math.floor((form.length - at - 4) / linkBytes));
  return Array.from({ length: held }, (_, i) => form.subarray(at + 4 + i * linkBytes, at + 4 + (i + 1) * linkBytes));
}

/** Yields between its steps. */
export function* collect(db: Database): Generator<void, Collected, void> {
  db.tidy();
  const work = new Collection(db);
  yield* work.mark();
  yield* work.find();
  return yield* work.remove();
}

class Collection {
  private readonly reached = new NameSet();
  private readonly loose = new Map<string, Loose>();
  /** Changes of heads up to this version have been looked at. */
  private seen: number;

  constructor(private readonly db: Database) {
    this.seen = db.reading(() => db.whole().version);
  }

  *mark(): Generator<void> {
    for (let after = ''; ; ) {
      const page = this.db.list({ after, limit: stepSize.looks });
      for (const { form } of page) yield* this.reach(linksFrom(Buffer.from(form), linksAt.head));
      const last = page.at(-1);
      if (last === undefined) return;
      after = Buffer.from(last.name).toString();
      yield;
    }
  }

  /** All that these lead to is reached. */
  private *reach(names: readonly Buffer[]): Generator<void> {
    const next = [...names];
    for (let looks = 1, name = next.pop(); name !== undefined; name = next.pop(), looks++) {
      if (!this.reached.add(name)) continue;
      const form = this.db.bytes(blobKey('n', name));
      if (form !== undefined) next.push(...linksFrom(form, linksAt.blob));
      if (looks % stepSize.looks === 0) yield;
    }
  }

  *find(): Generator<void> {
    for (const letter of ['b', 'n'] as const) yield* this.findOf(letter);
    for (const { links } of this.loose.values())
      for (const link of links) {
        const child = this.loose.get(idOf(link));
        if (child !== undefined) child.parents++;
      }
  }

  private *findOf(letter: BlobLetter): Generator<void> {
    for (let start = blobKey(letter, new Uint8Array()); ; ) {
      const keys = this.db.keys(letter, start, stepSize.looks);
      for (const key of keys) this.look(letter, Buffer.from(key.subarray(1)));
      const last = keys.at(-1);
      if (last === undefined) return;
      start = Buffer.concat([last, Buffer.of(0)]);
      yield;
    }
  }

  private look(letter: BlobLetter, name: Buffer): void {
    if (this.reached.has(name)) return;
    const form = letter === 'n' ? this.db.bytes(blobKey(letter, name)) : undefined;
    const links = form === undefined ? [] : linksFrom(form, linksAt.blob).map((link) => Buffer.from(link));
    this.loose.set(idOf(name), { letter, name, links, parents: 0 });
  }

  *remove(): Generator<void, Collected> {
    const ready = [...this.loose.values()].filter(({ parents }) => parents === 0);
    const sum = { blobs: 0, bytes: 0 };
    while (ready.length > 0) {
      const some = ready.splice(-stepSize.removes);
      this.db.transaction(() => {
        this.lookAgain();
        for (const each of some) this.removeOne(each, ready, sum);
      });
      yield;
    }
    return sum;
  }

  private lookAgain(): void {
    for (const form of this.db.changedSince(this.seen)) for (const _ of this.reach(linksFrom(form, linksAt.head)));
    this.seen = this.db.whole().version;
  }

  private removeOne({ letter, name, links }: Loose, ready: Loose[], sum: { blobs: number; bytes: number }): void {
    if (this.reached.has(name)) return;
    sum.bytes += this.db.removeBlob(letter, name);
    sum.blobs++;
    for (const link of links) {
      const child = this.loose.get(idOf(link));
      if (child !== undefined && --child.parents === 0) ready.push(child);
    }
  }
}

const idOf = (name: Buffer): string => name.toString('latin1');
