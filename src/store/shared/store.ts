// A store in a database that many machines use at once, whichever that is (backend.ts). Here arguments are checked, and what is
// read; what takes several acts is made of them, and each act is asked for with patience.
//
// A commit whose answer was lost may have been done. It is asked for again, for as long as the time limit allows: the database has
// written down its token if it was done, and then tells what came of it, whoever has changed the heads since; if it was not, it is
// done now. Whatever of the first attempt is still on its way finds the token, and does nothing. Only where no answer comes in time
// the outcome is not known, which is told as `gone`. Whoever must know it reads the head. If that is as the commit would have it,
// it was done; as long as it still has the version that the commit expected, the commit may yet come to be done, until another
// one has changed the head: so a change from that version settles it.

import { randomFillSync } from 'node:crypto';
import { StoreError } from '../../spec/errors.ts';
import { isA, messageOf } from '../../spec/told.ts';
import { aBlobName, aHeadName, checkCommit, checkList, checkNames } from '../checks.ts';
import { conflict, damaged, missing, readBlob, readHead, whereBlob, whereHead } from '../form.ts';
import type { Collected, Commit, Head, KeptBlob, ListOptions, Store } from '../types.ts';
import {
  type Backend,
  type BackendCommit,
  type CommitEnd,
  type FormChange,
  type FormHead,
  mostForm,
} from './backend.ts';
import { type Collectable, collect } from './collect.ts';
import { type Act, ask } from './patience.ts';
import { type LargePlace, noLinks, Places } from './place.ts';
import { needsOf, type Plan, type PlannedBlob, planOf, stepBytes, stepsOf } from './plan.ts';

const utf8 = (text: string): Uint8Array => Buffer.from(text);
/** Heads of one answer, and names of one question. */
const page = { heads: 200, names: 2000 } as const;
/** How often a commit is begun anew as blobs were collected that it had found. */
const mostRounds = 8;

type Step = Omit<BackendCommit, 'token' | 'again'>;

export class SharedStore implements Store {
  private readonly places: Places | undefined;
  private readonly working = new Set<Promise<unknown>>();
  /** One collection at a time. */
  private collecting: Promise<unknown> = Promise.resolve();
  private closing: Promise<void> | undefined;

  constructor(
    private readonly backend: Backend,
    private readonly timeout: number,
    large?: LargePlace,
  ) {
    this.places = large && new Places(large);
  }

  // ---- commits

  async commit(commit: Commit): Promise<number> {
    this.checkOpen();
    checkCommit(commit);
    return this.track(this.keep(planOf(commit)));
  }

  private async keep(plan: Plan): Promise<number> {
    for (let round = 1; ; round++) {
      const end = await this.attempt(plan);
      if (end.kind === 'done') return end.version;
      if (end.kind === 'conflict') {
        plan = await this.withoutDamaged(plan, end);
        continue;
      }
      const isOurs = end.kind === 'late' || plan.blobs.has(end.name);
      if (!isOurs) throw missing(end.name, wantedBy(plan, end.name));
      if (round === mostRounds) throw new StoreError('blobs are collected as fast as they come', 'gone', this.where);
    }
  }

  /** All of its steps, or those up to one that was refused. */
  private async attempt(plan: Plan): Promise<CommitEnd> {
    const isLong = plan.bytes > stepBytes.unasked || this.places !== undefined;
    const there = isLong ? await this.present([...plan.blobs.keys()]) : new Set<string>();
    const steps = stepsOf(plan, there);
    if (steps.length > 1) await this.checkHeads(plan.heads);
    for (const step of steps.slice(0, -1)) {
      const end = await this.act({ puts: await this.putsOf(step), needs: needsOf(step), heads: [] });
      if (end.kind !== 'done') return end;
    }
    const last = steps.at(-1) as PlannedBlob[];
    const needs = needsOf(last, [...plan.blobs.keys(), ...plan.headLinks]);
    return this.act({ puts: await this.putsOf(last), needs, heads: plan.heads });
  }

  private async present(names: readonly string[]): Promise<Set<string>> {
    const there = await this.areThere(names);
    return new Set(names.filter((_, i) => there[i]));
  }

  /** Before much is sent for nothing. */
  private async checkHeads(changes: readonly FormChange[]): Promise<void> {
    for (const { name, expected, form } of changes) {
      const version = (await this.ask((signal) => this.backend.head(name, signal)))?.version ?? 0;
      if (version !== expected && form !== undefined) throw conflict(name, expected, version);
    }
  }

  private async putsOf(blobs: readonly PlannedBlob[]): Promise<BackendCommit['puts']> {
    const places = await this.placed(blobs);
    return blobs
      .map(({ name, form, links }) => {
        const place = places.get(name);
        return { name, form: place === undefined ? form : noLinks, links: links.length, place };
      })
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  private async placed(blobs: readonly PlannedBlob[]): Promise<ReadonlyMap<string, string>> {
    const { places } = this;
    const large = places === undefined ? [] : blobs.filter((blob) => places.isLarge(blob));
    if (places === undefined || large.length === 0) return new Map();
    return places.put(large, await this.ask((signal) => this.backend.epoch(signal)));
  }

  private act(step: Step): Promise<CommitEnd> {
    const token = randomFillSync(new Uint8Array(16));
    return this.ask((signal, again) => this.backend.commit({ ...step, token, again }, signal));
  }

  /** A head that is damaged can be removed as if it were not there: then by its version. Else throws the conflict. */
  private async withoutDamaged(plan: Plan, { name, version }: CommitEnd & { kind: 'conflict' }): Promise<Plan> {
    const change = plan.heads.find((each) => each.name === name) as FormChange;
    const isRemoval = change.form === undefined && change.expected === 0;
    const row = isRemoval ? await this.ask((signal) => this.backend.head(name, signal)) : undefined;
    if (row === undefined || row.version !== version || headOrDamage(row).damage === undefined)
      throw conflict(name, change.expected, version);
    const heads = plan.heads.map((each) => (each === change ? { ...each, expected: version } : each));
    return { ...plan, heads };
  }

  // ---- questions

  async head(name: string): Promise<Head | undefined> {
    this.checkOpen();
    aHeadName(name, 'the name');
    const row = await this.track(this.ask((signal) => this.backend.head(name, signal)));
    return row && headOf(row);
  }

  async list(options: ListOptions = {}): Promise<readonly Head[]> {
    this.checkOpen();
    checkList(options);
    const { prefix = '', after = '', limit = 1000 } = options;
    const [first, last] = [utf8(prefix), utf8(after)];
    const isBehind = after !== '' && Buffer.compare(first, last) <= 0;
    // No name has that byte in UTF-8.
    const below = Buffer.concat([first, Uint8Array.of(0xff)]);
    return this.track(this.rows({ from: isBehind ? last : first, inclusive: !isBehind, below }, limit));
  }

  /** Heads may be large: they come a few at a time. */
  private async rows(
    range: { from: Uint8Array; inclusive: boolean; below: Uint8Array },
    limit: number,
  ): Promise<Head[]> {
    const found: Head[] = [];
    for (let { from, inclusive } = range; found.length < limit; inclusive = false) {
      const most = Math.min(page.heads, limit - found.length);
      const asked = { from, inclusive, below: range.below, limit: most };
      const rows = await this.ask((signal) => this.backend.heads(asked, signal));
      for (const row of rows) found.push(headOrDamage(row));
      const last = rows.at(-1);
      if (last === undefined || rows.length < most) break;
      from = utf8(last.name);
    }
    return found;
  }

  async get(name: string): Promise<KeptBlob> {
    this.checkOpen();
    aBlobName(name, 'the name');
    return this.track(this.read(name));
  }

  private async read(name: string): Promise<KeptBlob> {
    for (let before: string | undefined; ; ) {
      const row = await this.ask((signal) => this.backend.blob(name, signal));
      if (row === undefined) throw missing(name, 'somebody asks for');
      const { form, place } = row;
      if (place === undefined) return readBlob(name, plainBytes(form));
      const bytes = await this.places?.get(place, name);
      if (bytes !== undefined) return { bytes, links: [] };
      // It may have been collected meanwhile, and put again.
      if (place === before) throw damaged('its bytes are not in the store for large ones', whereBlob(name));
      if (this.places === undefined)
        throw new StoreError(
          'it is in a store for large blobs, with which this one was not opened',
          'io',
          whereBlob(name),
        );
      before = place;
    }
  }

  async has(names: readonly string[]): Promise<readonly boolean[]> {
    this.checkOpen();
    checkNames(names);
    return this.track(this.areThere([...names]));
  }

  private async areThere(names: readonly string[]): Promise<readonly boolean[]> {
    const found: boolean[] = [];
    for (let at = 0; at < names.length; at += page.names) {
      const some = names.slice(at, at + page.names);
      found.push(...(await this.ask((signal) => this.backend.has(some, signal))));
    }
    return found;
  }

  // ---- the rest

  async collect(): Promise<Collected> {
    this.checkOpen();
    const next = this.collecting.then(() => this.collectAll());
    this.collecting = next.catch(() => {});
    return this.track(next);
  }

  private async collectAll(): Promise<Collected> {
    const { backend, places } = this;
    const { blobs, bytes, epoch } = await collect(this.collectable);
    await places?.clear(epoch, (some) => this.ask((signal) => backend.placed(some, signal)));
    return { blobs, bytes };
  }

  private readonly collectable: Collectable = {
    nextEpoch: () => this.ask((signal) => this.backend.nextEpoch(signal)),
    heads: (after, limit) => {
      const range = { from: utf8(after), inclusive: false, below: Uint8Array.of(0xff), limit };
      return this.ask((signal) => this.backend.heads(range, signal));
    },
    links: (names) => this.ask((signal) => this.backend.links(names, signal)),
    blobs: (after, limit) => this.ask((signal) => this.backend.blobs(after, limit, signal)),
    remove: async (names, epoch) => {
      const removed = await this.ask((signal) => this.backend.remove(names, epoch, signal));
      await this.places?.remove(removed.places);
      return removed;
    },
  };

  close(): Promise<void> {
    this.closing ??= this.finish();
    return this.closing;
  }

  private async finish(): Promise<void> {
    while (this.working.size > 0) await Promise.allSettled(this.working);
    await this.backend.close();
    await this.places?.close();
  }

  private get where(): string {
    return this.backend.where;
  }

  private ask<T>(act: Act<T>): Promise<T> {
    const { where, timeout, backend } = this;
    return ask({ where, timeout, failure: (error) => backend.failure(error) }, act);
  }

  private track<T>(work: Promise<T>): Promise<T> {
    this.working.add(work);
    const end = () => this.working.delete(work);
    work.then(end, end);
    return work;
  }

  private checkOpen(): void {
    if (this.closing !== undefined) throw new StoreError('the store is closed', 'closed', this.where);
  }
}

/** Whether a blob or a head of it wants that one. */
function wantedBy({ blobs }: Plan, name: string): string {
  for (const { links } of blobs.values()) if (links.includes(name)) return 'a blob links to';
  return 'a head links to';
}

/** Its version is told beside the form. Throws StoreError where the form is damaged. */
function headOf({ name, version, form }: FormHead): Head {
  if (form.length > mostForm.head) throw damaged('it is longer than any can be', whereHead(name));
  const head = readHead(name, plainBytes(form));
  return {
    name,
    version,
    get links() {
      return head.links;
    },
    data: head.data,
  };
}

function headOrDamage(row: FormHead): Head {
  try {
    return headOf(row);
  } catch (error) {
    if (!isA(error, StoreError)) throw error;
    return { name: row.name, version: 0, links: [], data: new Uint8Array(0), damage: messageOf(error) };
  }
}

/** Bytes of nobody else's memory. */
const plainBytes = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes);
