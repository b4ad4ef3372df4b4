// Removes what no head reaches from a database in which any number of machines commit meanwhile. Nobody's clock is read, and no
// commit waits for more than one act of it. Why nothing is removed that a head reaches, or comes to reach:
//
// 1. A collection begins an epoch E. Commits that ended before are seen by it, as it reads heads only then. All later ones know
//    E, and give it to the blobs that they put, and to those that they, or blobs that they put, link to.
// 2. Only blobs of an epoch before E are removed, and each is looked at in the act that removes it. So no blob goes that a later
//    commit has put or has linked to; and where it went first, that commit is told that the blob is missing, and puts it again.
// 3. A blob is removed only after all that link to it. Let a head come to reach a blob B of before E by a later commit. On the
//    way from the head to B stands a last blob that the commit, or another later one, has touched: it stays by 2. All behind it
//    are of before E, as is what they link to: so they were there when all blobs were listed, and each one's parent is known as
//    that. The first stays as its parent does, the second as the first, and so on to B.
// 4. Several may collect at once: each goes by its own E, and one that finds a blob gone that it wanted to remove is content.
//    Which of them was first does not matter.
//
// One that stood still for a day goes on without harm: its E is older than what was committed since.

import { linksOf } from '../form.ts';
import { NameSet } from '../names.ts';
import type { Collected } from '../types.ts';
import type { FormHead, Linked } from './backend.ts';

/** What a collection asks for, each with patience (store.ts). */
export interface Collectable {
  nextEpoch(): Promise<number>;
  heads(after: string, limit: number): Promise<readonly FormHead[]>;
  links(names: readonly string[]): Promise<readonly Linked[]>;
  blobs(
    after: string | undefined,
    limit: number,
  ): Promise<{
    readonly blobs: readonly { readonly name: string; readonly links: number }[];
    readonly next: string | undefined;
  }>;
  remove(names: readonly string[], epoch: number): Promise<Collected & { readonly kept: readonly string[] }>;
}

const step = { heads: 200, links: 200, blobs: 2000, removes: 200 } as const;

/** A blob that was not reached from the heads as they were. */
interface Loose {
  links: readonly string[];
  /** How many of them link to it. */
  parents: number;
}

const binary = (name: string): Uint8Array => Buffer.from(name, 'hex');

export async function collect(from: Collectable): Promise<Collected & { readonly epoch: number }> {
  const epoch = await from.nextEpoch();
  const reached = await mark(from);
  const loose = await unreached(from, reached);
  return { ...(await remove(from, loose, epoch)), epoch };
}

async function mark(from: Collectable): Promise<NameSet> {
  const reached = new NameSet();
  for (let after = ''; ; ) {
    const page = await from.heads(after, step.heads);
    await reach(
      from,
      reached,
      page.flatMap(({ form }) => linksOf(form.subarray(16))),
    );
    const last = page.at(-1);
    if (last === undefined) return reached;
    after = last.name;
  }
}

/** All that these lead to is reached. */
async function reach(from: Collectable, reached: NameSet, names: readonly string[]): Promise<void> {
  const add = (name: string) => reached.add(binary(name));
  const next = names.filter(add);
  while (next.length > 0)
    for (const { links } of await from.links(next.splice(-step.links)))
      for (const link of links) if (add(link)) next.push(link);
}

async function unreached(from: Collectable, reached: NameSet): Promise<Map<string, Loose>> {
  const loose = new Map<string, Loose>();
  for (let after: string | undefined, more = true; more; ) {
    const { blobs, next } = await from.blobs(after, step.blobs);
    const some = blobs.filter(({ name }) => !reached.has(binary(name)));
    for (const { name } of some) loose.set(name, { links: [], parents: 0 });
    await readLinks(
      from,
      loose,
      some.filter(({ links }) => links > 0).map(({ name }) => name),
    );
    after = next;
    more = next !== undefined;
  }
  for (const { links } of loose.values())
    for (const link of links) {
      const child = loose.get(link);
      if (child !== undefined) child.parents++;
    }
  return loose;
}

async function readLinks(from: Collectable, loose: Map<string, Loose>, names: readonly string[]): Promise<void> {
  for (let at = 0; at < names.length; at += step.links)
    for (const { name, links } of await from.links(names.slice(at, at + step.links))) {
      const one = loose.get(name);
      if (one !== undefined) one.links = links;
    }
}

async function remove(from: Collectable, loose: Map<string, Loose>, epoch: number): Promise<Collected> {
  const ready = [...loose].filter(([, { parents }]) => parents === 0).map(([name]) => name);
  const sum = { blobs: 0, bytes: 0 };
  while (ready.length > 0) {
    const some = ready.splice(-step.removes);
    const { blobs, bytes, kept } = await from.remove(some, epoch);
    sum.blobs += blobs;
    sum.bytes += bytes;
    const stays = new Set(kept);
    for (const name of some)
      for (const link of stays.has(name) ? [] : (loose.get(name)?.links ?? [])) {
        const child = loose.get(link);
        if (child !== undefined && --child.parents === 0) ready.push(link);
      }
  }
  return sum;
}
