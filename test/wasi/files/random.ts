// Random sequences of what guests do with files, the same on several file systems side by side. All must answer alike, and
// go on alike after they were saved and restored.

import assert from 'node:assert/strict';
import { ErrnoError } from '../../../src/wasi/errno.ts';
import {
  linkAt,
  mkdirAt,
  openAt,
  readlinkAt,
  renameAt,
  rmdirAt,
  setTimesAt,
  statAt,
  symlinkAt,
  unlinkAt,
} from '../../../src/wasi/files/paths.ts';
import type { Access, FileNode, FileStat, FileSystem } from '../../../src/wasi/files/types.ts';
import { Random } from '../../fuzz/random.ts';
import { treeOf } from './made.ts';

export interface Subject {
  readonly name: string;
  system: FileSystem;
  /** The same file system, saved and restored. */
  restored(system: FileSystem): FileSystem;
  /** What all must have used alike. */
  used?(system: FileSystem): number;
}

interface Options {
  /** Whether directories are held, too, and listed and walked from. */
  readonly directories: boolean;
  /** Whether what is held is saved with the rest. */
  readonly handles: boolean;
}

/** How many operations ended with what. */
export type Tally = Map<string, number>;

/** One node in each subject, opened for this. What it was not opened for is refused before a node is asked. */
type Handle = FileNode[] & Access;

class Sequence {
  /** The same nodes in each subject. */
  private handles: Handle[] = [];
  private readonly log: string[] = [];

  constructor(
    private readonly r: Random,
    private readonly subjects: readonly Subject[],
    private readonly options: Options,
    private readonly tally: Tally,
  ) {}

  run(steps: number): void {
    for (let i = 0; i < steps; i++) this.step();
    this.same('what is used', (i) => this.subjects[i]?.used?.(this.subjects[i].system));
    this.same('the tree', (i) => treeOf(this.subjects[i]?.system.root as FileNode));
    for (const handle of this.handles) for (const node of handle) node.release();
  }

  /** Does the same in all of them, and compares. */
  private same<T>(what: string, act: (subject: number) => T): T | undefined {
    this.log.push(what);
    const answers = this.subjects.map((_, i) => answerOf(() => act(i)));
    const [first, ...others] = answers;
    others.forEach((other, i) => {
      const names = `${this.subjects[0]?.name} and ${this.subjects[i + 1]?.name}`;
      assert.deepEqual(other, first, `${names} after\n${this.log.slice(-40).join('\n')}`);
    });
    const key = `${what.split(' ')[0]} ${typeof first?.errno === 'string' ? first.errno : 'ok'}`;
    this.tally.set(key, (this.tally.get(key) ?? 0) + 1);
    return first?.value as T | undefined;
  }

  private name(): string {
    return this.r.pick(['a', 'b', 'c', 'd']);
  }

  private path(): string {
    const { r } = this;
    const parts = Array.from({ length: likely(r, 0.6) ? 1 : 2 + r.below(2) }, () =>
      likely(r, 0.1) ? r.pick(['.', '..', '', 'a/..']) : this.name(),
    );
    return `${likely(r, 0.01) ? '/' : ''}${parts.join('/')}${likely(r, 0.1) ? r.pick(['/', '//', '/.', '/..']) : ''}`;
  }

  /** Where a path begins: at the root, or at a directory that is held. */
  private base(): (subject: number) => FileNode {
    const handle = this.options.directories && likely(this.r, 0.2) ? this.handle() : undefined;
    return handle !== undefined && handle[0]?.kind === 'directory'
      ? (i) => handle[i] as FileNode
      : (i) => this.subjects[i]?.system.root as FileNode;
  }

  private handle(): Handle | undefined {
    return this.handles.length === 0 ? undefined : this.r.pick(this.handles);
  }

  private step(): void {
    const { r } = this;
    const [path, other, base, toBase] = [this.path(), this.path(), this.base(), this.base()];
    const follow = likely(r, 0.5);
    r.pick<() => void>([
      () => this.open(base, path, follow),
      () => this.open(base, path, follow),
      () => this.same(`mkdir ${path}`, (i) => mkdirAt(base(i), path)),
      () => this.same(`mkdir ${path}`, (i) => mkdirAt(base(i), path)),
      () => this.same(`unlink ${path}`, (i) => unlinkAt(base(i), path)),
      () => this.same(`rmdir ${path}`, (i) => rmdirAt(base(i), path)),
      () => this.same(`rename ${path} ${other}`, (i) => renameAt(base(i), path, toBase(i), other)),
      () => this.same(`link ${path} ${other}`, (i) => linkAt(base(i), path, toBase(i), other)),
      () => this.same(`symlink ${other} ${path}`, (i) => symlinkAt(other, base(i), path)),
      () => this.same(`readlink ${path}`, (i) => readlinkAt(base(i), path)),
      () => this.same(`stat ${path}`, (i) => plain(statAt(base(i), path, follow))),
      () => this.times(base, path, follow),
      () => this.onHandle(),
      () => this.onHandle(),
      () => this.onHandle(),
      () => likely(r, 0.1) && this.restore(),
    ])();
  }

  private open(base: (subject: number) => FileNode, path: string, follow: boolean): void {
    const { r, options } = this;
    const how = {
      follow,
      create: likely(r, 0.6),
      exclusive: likely(r, 0.2),
      directory: likely(r, 0.1),
      truncate: likely(r, 0.2),
      read: likely(r, 0.8),
      write: likely(r, 0.6),
    };
    const nodes: FileNode[] = [];
    const told = Object.entries(how).flatMap(([name, value]) => (value ? [name] : []));
    const kind = this.same(`open ${path} (${told.join(' ')})`, (i) => {
      const node = openAt(base(i), path, how);
      nodes[i] = node;
      return node.kind;
    });
    if (kind === undefined) return;
    if (this.handles.length > 8 || (kind === 'directory' && !options.directories))
      for (const node of nodes) node.release();
    else this.handles.push(Object.assign(nodes, { read: how.read, write: how.write }));
  }

  private times(base: (subject: number) => FileNode, path: string, follow: boolean): void {
    const { r } = this;
    const modified = 10n ** 18n + BigInt(r.below(1e9));
    const accessed = likely(r, 0.5) ? modified + 1n : undefined;
    this.same(`times ${path}`, (i) => {
      setTimesAt(base(i), path, follow, { accessed, modified });
      return statAt(base(i), path, follow).modified;
    });
  }

  private onHandle(): void {
    const { r } = this;
    const handle = this.handle();
    if (handle === undefined) return;
    const node = (i: number) => handle[i] as FileNode;
    const offset = likely(r, 0.1) ? r.below(100_000) : r.below(10_000);
    const bytes = Uint8Array.from({ length: r.below(likely(r, 0.1) ? 20_000 : 50) }, () => r.below(256));
    const index = this.handles.indexOf(handle);
    const always = [
      () => this.same(`size ${index}`, (i) => node(i).size()),
      () => this.same(`fstat ${index}`, (i) => plain(node(i).stat())),
      () => this.same(`list ${index}`, (i) => listed(node(i))),
      () => this.same(`sync ${index}`, (i) => node(i).sync(bytes.length > 20)),
      () => this.close(handle),
    ];
    const reading = [
      () => this.same(`read ${index} at ${offset}`, (i) => bytesOf(node(i), offset)),
      () => this.same(`read ${index} at 0`, (i) => bytesOf(node(i), 0)),
    ];
    const writing = [
      () => this.same(`write ${index} at ${offset}, ${bytes.length}`, (i) => node(i).write(offset, bytes)),
      () => this.same(`append ${index}, ${bytes.length}`, (i) => node(i).append(bytes)),
      () => this.same(`truncate ${index} ${offset}`, (i) => node(i).truncate(offset)),
      () => this.same(`allocate ${index} ${offset} 100`, (i) => node(i).allocate(offset, 100)),
    ];
    r.pick<() => void>([...always, ...(handle.read ? reading : []), ...(handle.write ? writing : [])])();
  }

  private close(handle: Handle): void {
    this.log.push(`close ${this.handles.indexOf(handle)}`);
    this.handles = this.handles.filter((other) => other !== handle);
    for (const node of handle) node.release();
  }

  private restore(): void {
    this.log.push('restore');
    if (!this.options.handles) for (const handle of [...this.handles]) this.close(handle);
    const saved = this.handles.map((handle) => handle.map((node) => structuredClone(node.save())));
    const before = this.handles;
    const stays = this.subjects.map((subject) => {
      const { system } = subject;
      subject.system = subject.restored(system);
      return subject.system === system;
    });
    this.handles = this.handles.map(({ read, write }, n) => {
      const nodes = (saved[n] ?? []).map((node, i) => (this.subjects[i] as Subject).system.restoreNode(node));
      return Object.assign(nodes, { read, write });
    });
    for (const handle of before) for (const [i, node] of handle.entries()) if (stays[i]) node.release();
    // In a folder, what has no name cannot be opened again.
    for (const handle of [...this.handles])
      if (handle.some((node) => answerOf(() => node.stat()).errno === 'stale')) this.close(handle);
  }
}

const likely = (r: Random, probability: number): boolean => r.below(1000) < 1000 * probability;

function answerOf<T>(act: () => T): { errno?: string; value?: T } {
  try {
    return { value: act() };
  } catch (thrown) {
    if (thrown instanceof ErrnoError) return { errno: thrown.errno };
    throw thrown;
  }
}

/** What all file systems tell alike. */
const plain = ({ kind, size, links }: FileStat) => (kind === 'directory' ? { kind } : { kind, size, links });

function bytesOf(node: FileNode, offset: number): string {
  const into = new Uint8Array(5000);
  return Buffer.from(into.subarray(0, node.read(offset, into))).toString('hex');
}

/** In two parts, of which the second begins at a cookie of the first. */
function listed(node: FileNode): string[] {
  const all = Array.from(node.list(0n));
  const cookie = all[all.length >> 1]?.next;
  const rest = cookie === undefined ? [] : Array.from(node.list(cookie), ({ name }) => name);
  assert.deepEqual(
    rest,
    all.slice((all.length >> 1) + 1).map(({ name }) => name),
  );
  return all.map(({ name, kind }) => `${name} ${kind}`).sort();
}

export function runBeside(
  seed: number,
  steps: number,
  subjects: readonly Subject[],
  options: Options,
  tally: Tally,
): void {
  try {
    new Sequence(new Random(seed), subjects, options, tally).run(steps);
  } finally {
    for (const { system } of subjects) system.dispose();
  }
}
