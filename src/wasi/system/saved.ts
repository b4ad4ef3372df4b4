// A system as data, and back. What comes back is hostile until checked: each part by whoever knows what it means, and
// nothing of it makes the host reach for what it did not give.

import type { StateData, WholeState } from '../../host/state.ts';
import { bad as badAt, isCount } from '../../snapshot/data/form.ts';
import { allFdFlags } from '../abi.ts';
import type { FileSystem } from '../files/types.ts';
import { allRights } from '../rights.ts';
import { type Clock, restoreClock, type SavedClock } from './clock.ts';
import { type Descriptor, Descriptors } from './descriptors.ts';
import { restoreRandom, type SavedRandom } from './random.ts';
import { Input, Output, type SavedInput, type SavedOutput } from './streams.ts';
import { type Giver, type StreamName, System, surroundings } from './system.ts';

/** The blocks of all parts stand in one list: standard input's, those of each output, those of each file system. */
interface SavedSystem {
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly clock: SavedClock;
  readonly random: SavedRandom;
  readonly stdin: SavedInput;
  readonly stdout: SavedOutput;
  readonly stderr: SavedOutput;
  readonly systems: readonly { readonly name: string; readonly data: unknown; readonly blocks: number }[];
  readonly descriptors: readonly SavedDescriptor[];
  readonly pollBegan: bigint | undefined;
}

interface SavedDescriptor {
  readonly fd: number;
  readonly rights: number;
  readonly inheriting: number;
  readonly barred: number;
  readonly barredInheriting: number;
  readonly flags: number;
  readonly is:
    | { readonly kind: StreamName; readonly terminal: boolean }
    | {
        readonly kind: 'file';
        readonly system: number;
        readonly node: unknown;
        readonly offset: number;
        readonly preopen: string | undefined;
      };
}

// Saving.

export function saveSystem(system: System, names: readonly string[], how: 'save' | 'send'): StateData {
  const stdin = system.stdin.save();
  const [stdout, stderr] = [system.stdout.save(), system.stderr.save()];
  const files = system.systems.map((each) => each[how]());
  const data: SavedSystem = {
    ...{ args: system.args, env: system.env, clock: system.clock.save(), random: system.random.save() },
    ...{ stdin: stdin.data, stdout: stdout.data, stderr: stderr.data },
    systems: files.map((saved, i) => ({ name: names[i] ?? '', data: saved.data, blocks: saved.blocks.length })),
    descriptors: system.descriptors.entries.map(([fd, descriptor]) => saveDescriptor(fd, descriptor)),
    pollBegan: system.pollBegan,
  };
  const blocks = [stdin.block, ...stdout.blocks, ...stderr.blocks, ...files.flatMap((saved) => saved.blocks)];
  return { data, blocks };
}

function saveDescriptor(fd: number, descriptor: Descriptor): SavedDescriptor {
  const { rights, inheriting, barred, barredInheriting, flags } = descriptor;
  const common = { fd, rights, inheriting, barred, barredInheriting, flags };
  switch (descriptor.kind) {
    case 'input':
      return { ...common, is: { kind: 'stdin', terminal: descriptor.terminal } };
    case 'output':
      return { ...common, is: { kind: descriptor.name, terminal: descriptor.terminal } };
    case 'file': {
      const { system, node, offset, preopen } = descriptor;
      return { ...common, is: { kind: 'file', system, node: node.save(), offset, preopen } };
    }
    default:
      return descriptor satisfies never;
  }
}

// Restoring.

function bad(what: string): never {
  return badAt(what, 'state of wasi');
}

type Fields = Readonly<Record<string, unknown>>;
const fieldsOf = (value: unknown): Fields => Object(value) as Fields;
const listOf = (value: unknown, what: string): readonly unknown[] => (Array.isArray(value) ? value : bad(`no ${what}`));

function textsOf(value: unknown, what: string): readonly string[] {
  const list = listOf(value, what);
  if (!list.every((text) => typeof text === 'string' && !text.includes('\0'))) bad(`no ${what}`);
  return list as string[];
}

/**
 * Throws SnapshotError. The host's streams and folders are those that are given here: where a snapshot has a file system
 * by another name than any of them, it is refused.
 */
export function restoreSystem({ data, blocks }: WholeState, giver: Giver): System {
  const saved = fieldsOf(data);
  const take = taker(blocks);
  const clock = restoreClock(saved.clock);
  const stdin = Input.restore(saved.stdin, take(1)[0], giver.source);
  const stdout = Output.restore(saved.stdout, take(fieldsOf(saved.stdout).blocks), giver.stdout);
  const stderr = Output.restore(saved.stderr, take(fieldsOf(saved.stderr).blocks), giver.stderr);
  const systems = restoreFiles(saved.systems, take, clock, giver);
  if (take(undefined).length > 0) bad('more blocks than are named');
  const streams = { stdin, stdout, stderr };
  const system = new System(giver.limits, {
    ...{ args: textsOf(saved.args, 'arguments'), env: textsOf(saved.env, 'environment') },
    ...{ clock, random: restoreRandom(saved.random), ...streams, systems },
    descriptors: restoreDescriptors(saved.descriptors, streams, systems, giver),
  });
  const { pollBegan } = saved;
  if (pollBegan !== undefined && typeof pollBegan !== 'bigint') bad('no time');
  system.pollBegan = pollBegan;
  return system;
}

/** Hands out so many blocks of a list, one after the other; all that are left where no count is given. */
function taker(blocks: readonly Uint8Array[]): (count: unknown) => Uint8Array[] {
  let at = 0;
  return (count = blocks.length - at) => {
    if (!isCount(count, blocks.length - at)) return bad('blocks are missing');
    at += count;
    return blocks.slice(at - count, at);
  };
}

function restoreFiles(
  saved: unknown,
  take: (count: unknown) => Uint8Array[],
  clock: Clock,
  giver: Giver,
): FileSystem[] {
  const list = listOf(saved, 'file systems');
  if (list.length !== giver.preopens.length)
    bad(`of ${list.length} preopened file systems, and ${giver.preopens.length} are given`);
  return list.map((each, i) => {
    const { name, data, blocks } = fieldsOf(each);
    const given = giver.preopens[i];
    if (given === undefined || given.name !== name) return bad(`its file system ${i} is not called as the one given`);
    return given.source.restore({ data, blocks: take(blocks) }, surroundings(i, clock, giver));
  });
}

function restoreDescriptors(
  saved: unknown,
  streams: { readonly stdin: Input; readonly stdout: Output; readonly stderr: Output },
  systems: readonly FileSystem[],
  { limits }: Giver,
): Descriptors {
  const descriptors = new Descriptors(limits.descriptors);
  for (const each of listOf(saved, 'descriptors')) {
    const { fd, is, ...common } = fieldsOf(each);
    if (!isCount(fd)) bad('no descriptor');
    const descriptor = { ...restoreCommon(common), ...restoreKind(fieldsOf(is), streams, systems) } as Descriptor;
    if (!descriptors.put(fd, descriptor)) bad(`descriptor ${fd} is one too many`);
  }
  return descriptors;
}

function restoreCommon({ rights, inheriting, barred, barredInheriting, flags }: Fields) {
  const ofRights = [rights, inheriting, barred, barredInheriting];
  if (!ofRights.every((bits) => isCount(bits, allRights)) || !isCount(flags, allFdFlags)) bad('no rights');
  return { rights, inheriting, barred, barredInheriting, flags };
}

function restoreKind(
  { kind, terminal, system, node, offset, preopen }: Fields,
  streams: { readonly stdin: Input; readonly stdout: Output; readonly stderr: Output },
  systems: readonly FileSystem[],
) {
  if (kind === 'stdin') return { kind: 'input', stream: streams.stdin, terminal: terminal === true };
  if (kind === 'stdout' || kind === 'stderr')
    return { kind: 'output', name: kind, stream: streams[kind], terminal: terminal === true };
  if (kind !== 'file' || !isCount(system) || !isCount(offset)) return bad('no descriptor');
  if (preopen !== undefined && typeof preopen !== 'string') bad('no name of a preopened directory');
  const of = systems[system] ?? bad('of an unknown file system');
  return { kind, node: of.restoreNode(node), system, offset, preopen };
}
