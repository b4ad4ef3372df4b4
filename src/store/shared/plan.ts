// What a commit is for a database: blobs and heads as bytes, and in which steps they go there. What is small goes in one. Of
// much, only what is not there yet, in several steps, each blob after those that it links to, so that whatever is there has all
// that it needs; the heads come with the last.

import { type WrittenBlob, writeBlob, writeHead } from '../form.ts';
import type { Commit } from '../types.ts';
import type { FormChange } from './backend.ts';

/** Bytes of blobs that are sent without asking whether they are there; and of a step. */
export const stepBytes = { unasked: 65_536, each: 4 * 1024 * 1024 } as const;

export interface PlannedBlob extends WrittenBlob {
  readonly links: readonly string[];
}

export interface Plan {
  readonly blobs: ReadonlyMap<string, PlannedBlob>;
  readonly heads: readonly FormChange[];
  /** What the heads link to. */
  readonly headLinks: readonly string[];
  readonly bytes: number;
}

/** A copy of all that was handed in. */
export function planOf({ blobs = [], heads = [] }: Commit): Plan {
  const written = blobs.map((blob) => ({ ...writeBlob(blob), links: [...(blob.links ?? [])] }));
  const byName = new Map(written.map((blob) => [blob.name, blob]));
  return {
    blobs: byName,
    heads: heads
      .map(({ name, expected, state }) => ({ name, expected, form: state && writeHead(name, 0, state) }))
      .sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name))),
    headLinks: heads.flatMap(({ state }) => state?.links ?? []),
    bytes: [...byName.values()].reduce((sum, { form }) => sum + form.length, 0),
  };
}

/** One at the least. */
export function stepsOf(plan: Plan, there: ReadonlySet<string>): PlannedBlob[][] {
  const steps: PlannedBlob[][] = [[]];
  let bytes = 0;
  for (const blob of childrenFirst(plan.blobs)) {
    if (there.has(blob.name)) continue;
    if (bytes > 0 && bytes + blob.form.length > stepBytes.each) {
      steps.push([]);
      bytes = 0;
    }
    steps.at(-1)?.push(blob);
    bytes += blob.form.length;
  }
  return steps;
}

/** Those that come together may link to each other in any depth. */
function* childrenFirst(blobs: ReadonlyMap<string, PlannedBlob>): Generator<PlannedBlob> {
  const seen = new Set<string>();
  for (const root of blobs.keys()) {
    const path: { readonly name: string; next: number }[] = [{ name: root, next: 0 }];
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const blob = blobs.get(top.name);
      if (blob === undefined || (top.next === 0 && seen.has(top.name))) {
        path.pop();
        continue;
      }
      seen.add(top.name);
      const link = blob.links[top.next++];
      if (link !== undefined) path.push({ name: link, next: 0 });
      else {
        path.pop();
        yield blob;
      }
    }
  }
}

/** What must be there already, none of it twice. */
export function needsOf(step: readonly PlannedBlob[], more: Iterable<string> = []): string[] {
  const fresh = new Set(step.map(({ name }) => name));
  const needs = new Set([...more, ...step.flatMap(({ links }) => links)]);
  return [...needs].filter((name) => !fresh.has(name));
}
