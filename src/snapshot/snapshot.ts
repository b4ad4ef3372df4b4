// A VM as data: kept, copied, written to bytes and read back. What the data means is in format.ts.

import { frameWords } from '../runtime/frame.ts';
import { Module } from '../runtime/module/module.ts';
import { aNumber, check, instanceOf, listOf, optionsOf, theOptions } from '../spec/options.ts';
import { cut } from '../spec/told.ts';
import { decodeSnapshot, encodeSnapshot } from './container/container.ts';
import { type Extras, isPlannedCall, noExtras, type PlannedCall } from './container/extras.ts';
import type { SnapshotData } from './data/format.ts';

/** How a snapshot is written down. */
export interface EncodeOptions {
  /** An older snapshot: only what differs from its memories is written, and decoding needs it again. */
  readonly base?: Snapshot | undefined;
  /** Modules that come along, so that whoever restores it needs no others; unless told, those that it was read with. */
  readonly modules?: readonly Module[] | undefined;
  /** Calls that are to follow the one that the VM is in, as a pool and the command line make them; likewise. */
  readonly calls?: readonly PlannedCall[] | undefined;
}

/** How bytes are read: what a snapshot may take, however little its bytes are. */
export interface DecodeOptions {
  /** The snapshot that was given as base when this one was encoded. */
  readonly base?: Snapshot | undefined;
  /** The most bytes that it may take when it is unpacked; 7 GiB unless told. */
  readonly maxBytes?: number | undefined;
  /**
   * The most bytes that its lists of instances and host functions, the values of the host that the guest holds, and what
   * host modules keep besides blocks, may take once they are read; 16 MiB unless told.
   */
  readonly maxMetadata?: number | undefined;
  /** The most bytes that blocks of host modules may take once they are read; 2 GiB unless told. */
  readonly maxState?: number | undefined;
}

/** What is in a snapshot, for people. Nothing of it is verified. */
export interface SnapshotSummary {
  /** SHA-256 of each module. */
  readonly modules: readonly string[];
  readonly instances: number;
  readonly functions: number;
  readonly tables: number;
  readonly globals: number;
  readonly frames: number;
  readonly stackBytes: number;
  /** In pages of each memory's type. */
  readonly memories: readonly number[];
  /** Pages of 4 KiB of all memories, and how many of them are zero. */
  readonly pages: number;
  readonly zeroPages: number;
  readonly externs: number;
  /** Host modules that keep something for the VM, and bytes of their blocks; names are cut. */
  readonly states: readonly { readonly name: string; readonly bytes: number }[];
  /** The host call that is waited for; names are cut. */
  readonly pending: { readonly id: number; readonly module: string; readonly name: string } | null;
  readonly fuelUsed: number;
}

/**
 * A VM as data: its stack, memories, tables, globals and heap, and what it waits for. `VM.restore` makes a VM of it, as
 * often as you like.
 */
export class Snapshot {
  /** @hidden */
  constructor(
    /** @hidden */
    readonly data: SnapshotData,
    /** What it was read with: modules, calls that are to follow, a job. */
    readonly extras: Extras = noExtras,
  ) {}

  /** Throws SnapshotError where the guest holds a value of the host that cannot be written. */
  encode(options: EncodeOptions = {}): Uint8Array<ArrayBuffer> {
    encodeOptions(options, theOptions);
    const { base, modules, calls } = options;
    const { extras } = this;
    return encodeSnapshot(this.data, base?.data, {
      modules: modules?.map(({ bytes }) => bytes) ?? extras.modules,
      calls: calls ?? extras.calls,
      job: extras.job,
    });
  }

  /**
   * Takes whatever wasbox has saved: a VM, a job, a program of the command line. Throws SnapshotError for other bytes.
   * What they say is verified when they are restored.
   */
  static decode(bytes: Uint8Array, options: DecodeOptions = {}): Snapshot {
    snapshotBytes(bytes, 'a snapshot');
    decodeOptions(options, theOptions);
    const { base, ...bounds } = options;
    const { data, extras } = decodeSnapshot(bytes, { base: base?.data, ...bounds });
    return new Snapshot(data, extras);
  }

  /** What is in it, for people. */
  summary(): SnapshotSummary {
    const { data } = this;
    const { pending } = data;
    const host = pending && data.made.func[data.origins.func[pending.func * 2 + 1] ?? -1];
    return {
      modules: data.modules,
      instances: data.instances.length,
      functions: data.origins.func.length / 2,
      tables: data.tables.length,
      globals: data.origins.global.length / 2,
      frames: data.frames.length / frameWords,
      stackBytes: data.slots.byteLength,
      memories: data.memories.map(({ size }) => size),
      ...countPages(data),
      externs: data.externs.length,
      states: (data.states ?? []).map(({ name, blocks }) => ({
        name: cut(name),
        bytes: blocks.reduce((sum, place) => sum + (data.blocks?.[place]?.length ?? 0), 0),
      })),
      pending: pending && { id: pending.id, module: cut(host?.module ?? '?'), name: cut(host?.name ?? '?') },
      fuelUsed: data.fuelUsed,
    };
  }
}

function countPages({ memories }: SnapshotData): { pages: number; zeroPages: number } {
  let [pages, zeroPages] = [0, 0];
  for (const { runs } of memories)
    for (let i = 0; i < runs.length; i += 2) {
      pages += runs[i] as number;
      if ((runs[i + 1] as number) < 0) zeroPages += runs[i] as number;
    }
  return { pages, zeroPages };
}

const base = instanceOf(Snapshot, 'a Snapshot');
const encodeOptions = optionsOf<EncodeOptions>({
  base,
  modules: listOf(instanceOf(Module, 'a Module')),
  calls: listOf(check(isPlannedCall, 'a call: { export, args } with texts as arguments')),
});
const decodeOptions = optionsOf<DecodeOptions>({
  base,
  maxBytes: aNumber(0),
  maxMetadata: aNumber(0),
  maxState: aNumber(0),
});
/** What bytes are read from. */
export const snapshotBytes = instanceOf(Uint8Array, 'given as a Uint8Array');
