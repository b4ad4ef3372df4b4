// `wasbox jobs`: what a store keeps of jobs, be they of a pool or of `wasbox run`; going on with one, and removing some.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Entry } from '../pool/durable/entry.ts';
import { Ledger } from '../pool/durable/ledger.ts';
import { Pool } from '../pool/pool.ts';
import { fromData } from '../pool/told/errors.ts';
import { unpack } from '../pool/told/parcel.ts';
import type { ErrorData } from '../pool/told/protocol.ts';
import { Module } from '../runtime/module.ts';
import { modulesAmong } from '../snapshot/container/whole.ts';
import { mostOfSnapshot } from '../snapshot/restore.ts';
import { Snapshot } from '../snapshot/snapshot.ts';
import { StoreError, UsageError } from '../spec/errors.ts';
import { plain, quoted } from '../spec/told.ts';
import { parseCount } from './arguments.ts';
import { type Exit, errorLine, known } from './exit.ts';
import { Bounds } from './go.ts';
import { Keeping, leaseMs } from './keeping.ts';
import { print, warn } from './output.ts';
import { columns, count, formatBytes, toJson } from './print.ts';
import { type ResumeOptions, resumed } from './resume.ts';
import { describeSaved } from './stack.ts';

interface JsonOption {
  readonly json?: boolean;
}

/** Throws UsageError where there is none: to look at a store is not to make one. */
export function checkStore(path: string): void {
  if (!existsSync(join(path, 'data.mdb'))) throw new UsageError(`${path} is no store: it has no file data.mdb`);
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
    for await (const { key, entry } of ledger.entries()) {
      facts.push(entry instanceof StoreError ? { key, damaged: entry.message } : factsOf(key, entry));
      rows.push(entry instanceof StoreError ? [key, 'damaged', '', ''] : rowOf(key, entry));
    }
    if (json) print(toJson({ jobs: facts }));
    else for (const line of columns([['key', 'state', 'saved', 'what'], ...rows], '')) print(plain(line));
    return 'ok';
  });

const rowOf = (key: string, entry: Entry): readonly string[] => [
  key,
  stateOf(entry),
  count(entry.saves, 'time'),
  entry.title,
];

function stateOf({ state, owner, calling }: Entry): string {
  if (state !== 'live') return state;
  return owner === undefined ? 'suspended' : calling !== undefined ? 'waits for a service' : 'under way';
}

function factsOf(key: string, entry: Entry): object {
  const { state, by, title, identity, fence, owner, saves, paid, spent, submittedAt, changedAt, calling } = entry;
  return {
    ...{
      key,
      state,
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
    const facts = factsOf(key, entry);
    const state = entry.checkpoint === undefined ? undefined : await ledger.state(entry.checkpoint);
    const told = state && (await stateIn(ledger, key, entry, state, parseCount(options.frames, '--frames')));
    const result = entry.result === undefined ? undefined : resultOf(entry, unpack(await ledger.bytes(entry.result)));
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
function resultOf({ by, state }: Entry, value: unknown): unknown {
  if (by === 'run') return (value as { json: unknown }).json;
  return state === 'done' ? { output: value } : { error: errorLine(known(fromData(value as ErrorData))) };
}

async function stateIn(ledger: Ledger, key: string, { modules }: Entry, state: Uint8Array, mostFrames: number) {
  const snapshot = Snapshot.decode(state);
  const given: Module[] = [];
  for (const root of modules) given.push(Module.from(await ledger.bytes(root)));
  const all = modulesAmong(given, snapshot.data.modules, snapshot.extras);
  return describeSaved({ file: key, bytes: state.length, snapshot, modules: all, given }, mostFrames);
}

async function entryIn(ledger: Ledger, path: string, key: string): Promise<Entry> {
  for await (const { entry } of ledger.entries(new Set([key]))) {
    if (entry instanceof StoreError) throw entry;
    return entry;
  }
  throw new UsageError(`${path} has no job ${quoted(key)}`);
}

// ---- resume

/** Goes on with a job: one of a pool in a pool, one of `wasbox run` as that would. */
export async function resumeKept(path: string, key: string, options: Omit<ResumeOptions, 'store'>): Promise<Exit> {
  checkStore(path);
  const entry = await within(path, (ledger) => entryIn(ledger, path, key));
  return entry.by === 'pool' ? inPool(path, key, entry, options) : inPlace(path, key, { ...options, store: path });
}

async function inPlace(path: string, key: string, options: ResumeOptions): Promise<Exit> {
  const bounds = new Bounds(options);
  const keeping = await Keeping.claimed(path, key, options);
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
  const pool = new Pool({ threads: 1, store: path, cache });
  try {
    if (state !== 'live') return await within(path, (ledger) => showResult(ledger, path, key, json));
    const output = await (await pool.recover([key])).get(key)?.result;
    if (json) print(toJson({ status: 'returned', output }));
    else print(plain(toJson(output) ?? 'done'));
    return 'ok';
  } finally {
    await pool.close();
  }
}

async function showResult(ledger: Ledger, path: string, key: string, json = false): Promise<Exit> {
  const { state, result } = await entryIn(ledger, path, key);
  const value = unpack(await ledger.bytes(result as string));
  if (state === 'failed') throw fromData(value as ErrorData);
  print(json ? toJson({ status: 'returned', output: value }) : plain(toJson(value) ?? 'done'));
  return 'ok';
}

// ---- rm

export const remove = (path: string, keys: readonly string[], { json }: JsonOption): Promise<Exit> =>
  within<Exit>(path, async (ledger) => {
    for (const key of keys) {
      const may = async (entry: Entry) => {
        if (entry.state !== 'live' || (await ledger.holder(entry)) === undefined) return true;
        throw new UsageError(`${quoted(key)} is under way in another process`);
      };
      if (!(await ledger.forget(key, may))) throw new UsageError(`${path} has no job ${quoted(key)}`);
    }
    const { bytes } = await (await ledger.store).collect();
    if (json) print(toJson({ removed: keys.length, bytes }));
    else warn(`${count(keys.length, 'job')} removed, ${formatBytes(bytes)} freed`);
    return 'ok';
  });
