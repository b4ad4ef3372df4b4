// What a VM has of WASI: arguments, clocks, descriptors, file systems. It is the state of the host module `wasi`; how it
// is saved is in saved.ts.

import type { FileNode, FileSource, FileSystem, Surroundings } from '../files/types.ts';
import type { GuestMemory } from '../memory.ts';
import { directoryRights, streamRights } from '../rights.ts';
import { type Clock, type ClockOption, clockOf } from './clock.ts';
import { Descriptors } from './descriptors.ts';
import { type Random, type RandomOption, randomOf } from './random.ts';
import { Input, type InputOption, Output, type Sink, type Source } from './streams.ts';

/** What one program may use. */
export interface WasiLimits {
  /** Bytes that a guest may write to standard output and standard error together. */
  readonly output: number;
  /** Descriptors that may be open at a time. */
  readonly descriptors: number;
  /** Bytes of the files that `files` gives by path, with what it takes to keep track of them. */
  readonly fileBytes: number;
}

/** What the host gives; one may serve several VMs. Of it no VM keeps anything but what is here. */
export interface Giver {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: InputOption;
  readonly source: Source | undefined;
  readonly stdout: Sink | undefined;
  readonly stderr: Sink | undefined;
  readonly terminals: readonly StreamName[];
  /** By the names that guests see. */
  readonly preopens: readonly { readonly name: string; readonly source: FileSource }[];
  readonly clock: ClockOption;
  readonly random: RandomOption;
  readonly limits: WasiLimits;
  readonly note: (text: string) => void;
}
/** The standard streams. */
export type StreamName = 'stdin' | 'stdout' | 'stderr';

/** What a system is made of, new or restored. */
export interface Parts {
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly systems: readonly FileSystem[];
  readonly descriptors: Descriptors;
}

export class System {
  readonly args: readonly string[];
  /** Each `KEY=value`. */
  readonly env: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly systems: readonly FileSystem[];
  readonly descriptors: Descriptors;
  /** When the poll began that the guest waits in, by its monotonic clock. */
  pollBegan: bigint | undefined;
  /** The guest's memory as the last call saw it; no part of the state. */
  memory: GuestMemory | undefined;

  constructor(
    readonly limits: WasiLimits,
    parts: Parts,
  ) {
    this.args = parts.args;
    this.env = parts.env;
    this.clock = parts.clock;
    this.random = parts.random;
    this.stdin = parts.stdin;
    this.stdout = parts.stdout;
    this.stderr = parts.stderr;
    this.systems = parts.systems;
    this.descriptors = parts.descriptors;
  }

  get written(): number {
    return this.stdout.written + this.stderr.written;
  }

  /** Gives back what the host has lent. */
  dispose(): void {
    for (const system of this.systems) system.dispose();
  }
}

export const surroundings = (i: number, clock: Clock, { note }: Giver): Surroundings => ({
  device: BigInt(i + 1),
  now: () => clock.stamp(),
  note,
});

export const nothingBarred = { barred: 0, barredInheriting: 0, flags: 0 } as const;

export function newSystem(giver: Giver): System {
  const clock = clockOf(giver.clock);
  const systems = giver.preopens.map(({ source }, i) => source.create(surroundings(i, clock, giver)));
  const stdin = Input.of(giver.stdin, giver.source);
  const stdout = Output.of(giver.stdout);
  const stderr = Output.of(giver.stderr);
  const descriptors = new Descriptors(giver.limits.descriptors);
  const terminal = (name: StreamName) => giver.terminals.includes(name);
  const output = { kind: 'output', rights: streamRights.output, inheriting: 0, ...nothingBarred } as const;
  descriptors.add({
    ...{ kind: 'input', stream: stdin, terminal: terminal('stdin') },
    ...{ rights: streamRights.input, inheriting: 0, ...nothingBarred },
  });
  descriptors.add({ ...output, name: 'stdout', stream: stdout, terminal: terminal('stdout') });
  descriptors.add({ ...output, name: 'stderr', stream: stderr, terminal: terminal('stderr') });
  systems.forEach(({ root }, i) => {
    descriptors.add(preopened(root, i, giver.preopens[i]?.name as string));
  });
  return new System(giver.limits, {
    ...{ args: giver.args, env: Object.entries(giver.env).map(([key, value]) => `${key}=${value}`) },
    ...{ clock, random: randomOf(giver.random), stdin, stdout, stderr, systems, descriptors },
  });
}

function preopened(node: FileNode, system: number, name: string) {
  node.open({ read: true, write: false });
  node.hold();
  const { base, inheriting } = directoryRights;
  return { kind: 'file', node, system, offset: 0, preopen: name, rights: base, inheriting, ...nothingBarred } as const;
}
