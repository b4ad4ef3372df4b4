// A program of `wasbox run` that is kept in a store: saved as it goes on, under a key by which the same command goes on with it.

import { basename } from 'node:path';
import { badResult, type Entry, resultIn } from '../../pool/durable/entry.ts';
import { type Claim, type Elsewhere, type Held, Ledger, type Wanted } from '../../pool/durable/ledger.ts';
import type { SaveEvery } from '../../pool/told/options.ts';
import { pack } from '../../pool/told/parcel.ts';
import { Series } from '../../pool/told/series.ts';
import { hashOf } from '../../runtime/beneath/sha256.ts';
import type { Module } from '../../runtime/module/module.ts';
import type { Snapshot } from '../../snapshot/snapshot.ts';
import { UsageError } from '../../spec/errors.ts';
import { anObject, aText, listOf } from '../../spec/options.ts';
import { mostOfName, quoted } from '../../spec/told.ts';
import { toldPlace } from '../../store/open/url.ts';
import { parseSaveEvery } from '../read/arguments.ts';
import { exits, isFullDisk, withMore } from '../told/exit.ts';
import { shellWord } from '../told/print.ts';
import type { Told } from '../told/went.ts';
import { checkKey, type KeepOptions } from './options.ts';
import { whenFree } from './waiting.ts';

/** What is run. */
export interface Asked {
  readonly file: string;
  readonly module: Module;
  /** The export and its arguments, or those of the program. */
  readonly asked: readonly string[];
}

/** What the store has of it. */
export type Before =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'saved'; readonly bytes: Uint8Array }
  | { readonly kind: 'ended'; readonly told: Told };

/** How long another process may be silent. */
export const leaseMs = 10_000;

export class Keeping {
  private savedAt = performance.now();
  private savedFuel = 0;
  private readonly startedAt = performance.now();
  /** What it was saved as last, and since when only changes were. */
  private last: Snapshot | undefined;
  private series: Series | undefined;

  private constructor(
    readonly key: string,
    private readonly store: string,
    private readonly ledger: Ledger,
    private readonly every: SaveEvery,
    /** Until it has ended. */
    private readonly held: Held | undefined,
    private readonly ended: Entry | undefined,
  ) {}

  /** Takes the program up in the store, or begins it there. Throws UsageError where it is under way, and StoreError. */
  static async open(
    store: string,
    options: KeepOptions,
    { file, module, asked }: Asked,
    stop?: AbortSignal,
  ): Promise<Keeping> {
    const digest = hashOf(new TextEncoder().encode(JSON.stringify([module.hash, ...asked])));
    const key = options.key ?? `${basename(file).slice(0, 100)}-${digest.slice(0, 12)}`;
    const make = () => ({
      ...{
        by: 'run' as const,
        digest,
        title: [basename(file), ...asked].join(' ').slice(0, mostOfName),
        identity: key,
      },
      ...{ spec: new TextEncoder().encode(JSON.stringify({ file, asked })), modules: [module.bytes] },
    });
    return Keeping.claimed(store, key, options, { wanted: { digest, make }, stop });
  }

  /**
   * One that is there, whatever it is; or, where one is wanted, that. Where another process had it, that is waited for until it
   * is seen to live, which throws UsageError, or seems to be dead.
   */
  static async claimed(
    store: string,
    key: string,
    options: KeepOptions,
    { wanted, stop }: { readonly wanted?: Wanted; readonly stop?: AbortSignal | undefined },
  ): Promise<Keeping> {
    const every = parseSaveEvery(options.saveEvery ?? '1s');
    checkKey(key);
    const ledger = new Ledger(store, leaseMs);
    try {
      const claim = await whenFree<Exclude<Claim, Elsewhere>>(key, () => ledger.claim(key, wanted), stop);
      if (claim.kind === 'absent') throw new UsageError(`${toldPlace(store)} has no job ${quoted(key)}`);
      const [held, ended] = claim.kind === 'held' ? [claim.held, undefined] : [undefined, claim.entry];
      return new Keeping(key, store, ledger, every, held, ended);
    } catch (error) {
      await ledger.close();
      throw error;
    }
  }

  /** What there is of it. */
  async before(): Promise<Before> {
    if (this.ended?.result !== undefined) {
      if (this.ended.by !== 'run') throw new UsageError(`${quoted(this.key)} is a job of a pool`);
      return { kind: 'ended', told: toldIn(this.key, await this.ledger.bytes(this.ended.result)) };
    }
    const { checkpoint } = (this.held as Held).entry;
    return checkpoint === undefined
      ? { kind: 'nothing' }
      : { kind: 'saved', bytes: await this.ledger.state(checkpoint) };
  }

  /** It has to rest as often, that it can be saved. */
  get sliceFuel(): number | undefined {
    return this.every.fuel;
  }

  /** Saves the program if it is time. */
  async between(fuel: number, state: () => Snapshot): Promise<void> {
    const isDue =
      fuel - this.savedFuel >= (this.every.fuel ?? Infinity) ||
      performance.now() - this.savedAt >= (this.every.ms ?? Infinity);
    if (isDue) await this.save(fuel, state);
  }

  /** As what has changed since the last time, which has the modules already; or as a whole. */
  private async save(fuel: number, state: () => Snapshot): Promise<void> {
    const held = this.held as Held;
    const spent = performance.now() - this.startedAt;
    const snapshot = state();
    const base = this.series?.last === undefined ? undefined : this.last;
    const isChange = base !== undefined;
    const bytes = snapshot.encode(isChange ? { base, modules: [] } : {});
    await this.kept(this.ledger.save(held, bytes, { paid: fuel, spent, calling: undefined }, isChange));
    this.last = snapshot;
    this.series = Series.after(this.series, { name: this.key, bytes, isChange });
    this.savedFuel = fuel;
    this.savedAt = performance.now();
    this.ledger.tidy();
  }

  async suspended(fuel: number, state: () => Snapshot): Promise<void> {
    await this.save(fuel, state);
    await this.kept(this.ledger.release(this.held as Held));
  }

  async result(told: Told): Promise<void> {
    const state = told.exit === 'ok' || typeof told.exit === 'number' ? 'done' : 'failed';
    await this.kept(this.ledger.end(this.held as Held, state, pack(told, 'what came of it')));
  }

  /** Where there is no room for it, how to go on. */
  private async kept(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      if (!isFullDisk(error)) throw error;
      const { saves } = (this.held as Held).entry;
      const how = `with room on the disk the same command, or \`${resumeCommand(this.store, this.key)}\`, goes on`;
      const anew = 'it was never saved, and with room on the disk the same command begins it anew';
      throw withMore(error, saves === 0 ? anew : `${quoted(this.key)} is kept as it was saved last: ${how}`);
    }
  }

  close(): Promise<void> {
    return this.ledger.close();
  }
}

const resumeCommand = (store: string, key: string): string =>
  ['wasbox jobs resume', ...[store, key].map(shellWord)].join(' ');

const lines = listOf(aText);

/** What was told of a program that has ended. Throws StoreError. */
export function toldIn(key: string, bytes: Uint8Array): Told {
  const value = Object(resultIn(key, bytes)) as Told;
  const { exit, out, err, json } = value;
  const isExit = Number.isInteger(exit) || (typeof exit === 'string' && Object.hasOwn(exits, exit));
  try {
    lines(out, 'out');
    lines(err, 'err');
    anObject(json, 'json');
  } catch (cause) {
    throw badResult(key, { cause });
  }
  if (!isExit) throw badResult(key);
  return value;
}
