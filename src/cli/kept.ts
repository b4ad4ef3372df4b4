// `wasbox jobs`: what a store keeps of jobs, be they of a pool or of `wasbox run`; going on with one, and removing some.

import type { Entry } from '../pool/durable/entry.ts';
import { Ledger } from '../pool/durable/ledger.ts';
import type { Whereabouts } from '../pool/durable/owners.ts';
import { Pool } from '../pool/pool.ts';
import { Module } from '../runtime/module/module.ts';
import { modulesAmong } from '../snapshot/container/whole.ts';
import { mostOfSnapshot } from '../snapshot/restore.ts';
import { Snapshot } from '../snapshot/snapshot.ts';
import { StoreError, UsageError } from '../spec/errors.ts';
import { plain, quoted } from '../spec/told.ts';
import { toldPlace } from '../store/open/url.ts';
import { Bounds } from './go/go.ts';
import { describeSaved } from './inspect/stack.ts';
import { cacheFolder } from './keep/cache.ts';
import { Keeping, leaseMs, toldIn } from './keep/keeping.ts';
import { checkStore } from './keep/store.ts';
import { whenFree } from './keep/waiting.ts';
import { parseCount } from './read/arguments.ts';
import { type ResumeOptions, resumed } from './resume.ts';
import { type Exit, errorLine, isFullDisk, known, withMore } from './told/exit.ts';
import { print, warn } from './told/output.ts';
import { columns, count, formatBytes, toJson } from './told/print.ts';

interface JsonOption {
  readonly json?: boolean;
}

async function within<T>(path: string, act: (ledger: Ledger) => Promise<T>): Promise<T> {
  checkStore(path);
  const ledger = new Ledger(path, leaseMs);
  try {
    return await act(ledger);
  } finally {
    await ledger.close();
  }
}

// ---- list

export const list = (path: string, { json }: JsonOption): Promise<Exit> =>
  within<Exit>(path, async (ledger) => {
    const rows: (readonly string[])[] = [];
    const facts: object[] = [];
    const conditions = new Conditions(ledger);
    let exit: Exit = 'ok';
    for await (const { key, entry } of ledger.entries()) {
      if (entry instanceof StoreError) {
        exit = 'store';
        facts.push({ key, damaged: entry.message });
        rows.push([key, 'damaged', '', entry.message]);
        continue;
      }
      const condition = await conditions.of(entry);
      facts.push(factsOf(key, entry, condition));
      rows.push([key, condition, count(entry.saves, 'time'), entry.title]);
    }
    if (json) print(toJson({ jobs: facts }));
    else for (const line of columns([['key', 'state', 'saved', 'what'], ...rows], '')) print(plain(line));
    return exit;
  });

/** In a few words how jobs are; many have the same owner. */
class Conditions {
  private readonly known = new Map<string, Promise<Whereabouts>>();
  constructor(private readonly ledger: Ledger) {}

  async of({ state, owner, calling }: Entry): Promise<string> {
    if (state !== 'live') return state;
    if (owner === undefined) return 'suspended';
    const found = this.known.get(owner) ?? this.ledger.whereabouts(owner);
    this.known.set(owner, found);
    const where = await found;
    if (where === 'gone') return 'interrupted';
    if (where === 'elsewhere') return 'under way, or its machine is gone';
    return calling === undefined ? 'under way' : 'waits for a service';
  }
}

function factsOf(key: string, entry: Entry, condition: string): object {
  const { state, by, title, identity, fence, owner, saves, paid, spent, submittedAt, changedAt, calling } = entry;
  return {
    ...{
      key,
      state,
      condition,
      by,
      title,
      identity,
      fence,
      owner: owner ?? null,
      saves,
      fuelPaid: paid,
      ms: Math.round(spent),
      calling: calling ?? null,
    },
    ...{ submittedAt: new Date(submittedAt).toISOString(), changedAt: new Date(changedAt).toISOString() },
  };
}

// ---- show

export interface ShowOptions extends JsonOption {
  readonly frames: string;
}

export const show = (path: string, key: string, options: ShowOptions): Promise<Exit> =>
  within<Exit>(path, async (ledger) => {
    const entry = await entryIn(ledger, path, key);
    const facts = factsOf(key, entry, await new Conditions(ledger).of(entry));
    const state = entry.checkpoint === undefined ? undefined : await ledger.state(entry.checkpoint);
    const told = state && (await stateIn(ledger, key, entry, state, parseCount(options.frames, '--frames')));
    const result = entry.result === undefined ? undefined : await resultOf(ledger, key, entry);
    if (options.json) print(toJson({ ...facts, result, checkpoint: told?.json }));
    else {
      const rows = Object.entries(facts).map(([name, value]) => [name, String(value)]);
      for (const line of columns(rows, '')) print(plain(line));
      if (result !== undefined) print(plain(`result  ${toJson(result)}`));
      for (const line of told?.lines ?? []) print(plain(line));
    }
    return 'ok';
  });

/** Of `wasbox run` as it was told, of a pool its output or error. */
async function resultOf(ledger: Ledger, key: string, entry: Entry): Promise<unknown> {
  if (entry.by === 'run') return toldIn(key, await ledger.bytes(entry.result as string)).json;
  const outcome = await ledger.outcome(key, entry);
  return outcome.kind === 'done' ? { output: outcome.output } : { error: errorLine(known(outcome.error)) };
}

async function stateIn(ledger: Ledger, key: string, { modules }: Entry, state: Uint8Array, mostFrames: number) {
  const snapshot = Snapshot.decode(state);
  const given: Module[] = [];
  for (const root of modules) given.push(Module.from(await ledger.bytes(root)));
  const all = modulesAmong(given, snapshot.data.modules, snapshot.extras);
  return describeSaved({ file: key, bytes: state.length, snapshot, modules: all, given }, mostFrames);
}

async function entryIn(ledger: Ledger, path: string, key: string): Promise<Entry> {
  const entry = await ledger.entry(key);
  if (entry instanceof StoreError) throw entry;
  if (entry === undefined) throw new UsageError(`${toldPlace(path)} has no job ${quoted(key)}`);
  return entry;
}

// ---- resume

/** Goes on with a job: one of a pool in a pool, one of `wasbox run` as that would. */
export async function resumeKept(path: string, key: string, options: Omit<ResumeOptions, 'store'>): Promise<Exit> {
  checkStore(path);
  const entry = await within(path, (ledger) => entryIn(ledger, path, key));
  if (entry.by === 'queue') throw new UsageError(`${quoted(key)} is a job of a queue: its runners go on with it`);
  return entry.by === 'pool' ? inPool(path, key, entry, options) : inPlace(path, key, { ...options, store: path });
}

async function inPlace(path: string, key: string, options: ResumeOptions): Promise<Exit> {
  const bounds = new Bounds(options);
  const keeping = await Keeping.claimed(path, key, options, { stop: bounds.stop });
  try {
    const before = await keeping.before();
    if (before.kind === 'ended') {
      bounds.tell(before.told);
      return before.told.exit;
    }
    if (before.kind === 'nothing')
      throw new UsageError(`${quoted(key)} was never saved: the command that began it begins it anew`);
    const snapshot = Snapshot.decode(before.bytes, mostOfSnapshot(bounds.limits));
    return await resumed(key, snapshot, bounds, options, keeping);
  } finally {
    await keeping.close();
  }
}

/** Its code is what it was submitted with; its services nobody has here. */
async function inPool(path: string, key: string, { state }: Entry, { json, cache }: ResumeOptions): Promise<Exit> {
  if (state === 'live') await within(path, (ledger) => freed(ledger, path, key));
  const pool = new Pool({ threads: 1, store: path, cache: cacheFolder(cache) });
  try {
    const job = (await pool.recover([key])).get(key);
    // It had its result before, or has come to it meanwhile.
    if (job === undefined) return await within(path, (ledger) => showResult(ledger, path, key, json));
    const output = await job.result;
    if (json) print(toJson({ status: 'returned', output }));
    else print(plain(toJson(output) ?? 'done'));
    return 'ok';
  } catch (error) {
    if (!isFullDisk(error)) throw error;
    throw withMore(
      error,
      `${quoted(key)} is kept as it was saved last: with room on the disk the same command goes on`,
    );
  } finally {
    await pool.close();
  }
}

async function showResult(ledger: Ledger, path: string, key: string, json = false): Promise<Exit> {
  const outcome = await ledger.outcome(key, await entryIn(ledger, path, key));
  if (outcome.kind === 'failed') throw outcome.error;
  const { output } = outcome;
  print(json ? toJson({ status: 'returned', output }) : plain(toJson(output) ?? 'done'));
  return 'ok';
}

/** Once nobody has the job. Throws UsageError where somebody has, who lives, or there is no such job. */
const freed = (ledger: Ledger, path: string, key: string): Promise<Free> =>
  whenFree<Free>(key, async () => {
    const by = await ledger.holder(await entryIn(ledger, path, key));
    return by === undefined ? { kind: 'free' } : { kind: 'elsewhere', by };
  });
interface Free {
  readonly kind: 'free';
}

// ---- rm

export const remove = (path: string, keys: readonly string[], { json }: JsonOption): Promise<Exit> =>
  within<Exit>(path, async (ledger) => {
    for (const key of keys) {
      const isOver = await removable(ledger, path, key);
      if (!(await ledger.forget(key, isOver))) throw new UsageError(`${toldPlace(path)} has no job ${quoted(key)}`);
    }
    const { bytes } = await (await ledger.store).collect();
    if (json) print(toJson({ removed: keys.length, bytes }));
    else warn(`${count(keys.length, 'job')} removed, ${formatBytes(bytes)} freed`);
    return 'ok';
  });

/** Waits for it where another process had it; what is damaged may be removed as it is. */
async function removable(ledger: Ledger, path: string, key: string): Promise<(entry: Entry | StoreError) => boolean> {
  const entry = await ledger.entry(key);
  if (entry !== undefined && !(entry instanceof StoreError) && entry.state === 'live') await freed(ledger, path, key);
  return (found) => {
    if (found instanceof StoreError && found.reason !== 'damaged') throw found;
    return true;
  };
}
