// Tries to get out of a folder: by paths of all kinds, while another thread puts links in the way and moves directories.
// Whatever a try answers, nothing outside may be read, listed, written, made or removed.

import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { ErrnoError } from '../../../src/wasi/errno.ts';
import {
  linkAt,
  mkdirAt,
  type OpenHow,
  openAt,
  readlinkAt,
  renameAt,
  rmdirAt,
  setTimesAt,
  statAt,
  symlinkAt,
  unlinkAt,
} from '../../../src/wasi/files/paths.ts';
import type { FileNode } from '../../../src/wasi/files/types.ts';
import { bestReach, type Reach } from '../../../src/wasi/folder/reach.ts';
import { FolderFileSystem } from '../../../src/wasi/folder/system.ts';
import { Random } from '../../fuzz/random.ts';
import { how, surroundings } from '../files/made.ts';
import type { RacerData } from './racer.ts';

const secret = 'what nobody inside may see';

export interface Escape {
  readonly count: number;
  readonly seed: number;
  /** False: no other thread changes anything meanwhile. */
  readonly raced: boolean;
  readonly reach?: Reach;
  progress?(done: number): void;
}

export interface Tried {
  /** How often the guest was answered with what. */
  readonly answers: ReadonlyMap<string, number>;
  /** How often the other thread has changed something. */
  readonly changes: number;
}

/** Everything happens in a temporary folder. Rejects with what was reached. */
export async function tryToEscape({ count, seed, raced, reach = bestReach(), progress }: Escape): Promise<Tried> {
  const place = fs.mkdtempSync(join(tmpdir(), 'wasbox-escape-'));
  const [inside, outside] = [join(place, 'inside'), join(place, 'outside')];
  const words = new Int32Array(new SharedArrayBuffer(8));
  let racer: Worker | undefined;
  try {
    prepare(inside, outside);
    const before = told(outside);
    if (raced) {
      const data: RacerData = { inside, outside, words };
      racer = new Worker(new URL('./racer.ts', import.meta.url), { workerData: data });
      await new Promise((resolve) => racer?.once('online', resolve));
    }
    const guest = new Guest(new Random(seed), inside, outside, reach);
    try {
      for (let i = 0; i < count; i++) {
        guest.attempt();
        if (i % 1000 === 0) assert.deepEqual(told(outside), before, guest.told());
        if (i % 10_000 === 0) progress?.(i);
      }
    } finally {
      guest.leave();
    }
    assert.deepEqual(told(outside), before, guest.told());
    return { answers: guest.answers, changes: Atomics.load(words, 1) };
  } finally {
    Atomics.store(words, 0, 1);
    await racer?.terminate();
    fs.rmSync(place, { recursive: true, force: true });
  }
}

function prepare(inside: string, outside: string): void {
  for (const path of [inside, outside, ...['a', 'b', 'c', 'd', 'e', 'a/b'].map((name) => join(inside, name))])
    fs.mkdirSync(path);
  fs.mkdirSync(join(outside, 'secrets'));
  for (const path of ['secret', 'secrets/secret']) fs.writeFileSync(join(outside, path), secret);
  for (const path of ['f', 'a/f', 'd/f']) fs.writeFileSync(join(inside, path), 'inside');
  fs.symlinkSync(outside, join(inside, 'absolute'));
  fs.symlinkSync('../outside', join(inside, 'relative'));
  fs.symlinkSync('../../outside/secret', join(inside, 'a/secret'));
}

/** All that could have changed outside. */
const told = (outside: string): unknown[] =>
  fs
    .readdirSync(outside, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const path = join(outside, name);
      const { ino, mode, nlink, size, mtimeNs, ctimeNs } = fs.lstatSync(path, { bigint: true });
      return [name, ino, mode, nlink, size, mtimeNs, ctimeNs, size > 4000n ? '' : text(path)];
    });

function text(path: string): string {
  const found = fs.lstatSync(path);
  // One that a careless reach has left there may lead nowhere.
  if (found.isSymbolicLink()) return fs.readlinkSync(path);
  return found.isDirectory() ? '' : fs.readFileSync(path, 'utf8');
}

const names = ['a', 'b', 'c', 'd', 'e', 'f', 'secret', 'secrets', 'absolute', 'relative', 'new', 'outside', 'inside'];
const odd = ['..', '..', '.', '', '...', '../..', '..\\..', 'a/..', '/', '~', '%2e%2e', 'a.away', 'a.link', '\u2025'];

class Guest {
  readonly answers = new Map<string, number>();
  private readonly system: FolderFileSystem;
  private readonly secrets: ReadonlySet<bigint>;
  /** Directories and files that it holds on to. */
  private held: FileNode[] = [];
  private last: string[] = [];

  constructor(
    private readonly r: Random,
    inside: string,
    private readonly outside: string,
    reach: Reach,
  ) {
    this.system = new FolderFileSystem(inside, surroundings(), { readOnly: false, reach });
    this.secrets = new Set(
      ['.', 'secret', 'secrets', 'secrets/secret', '..'].map(
        (path) => fs.statSync(join(outside, path), { bigint: true }).ino,
      ),
    );
  }

  told(): string {
    return this.last.slice(-20).join('\n');
  }

  leave(): void {
    this.system.dispose();
  }

  private path(): string {
    const { r } = this;
    const parts = Array.from({ length: 1 + r.below(5) }, () => (r.chance(4) ? r.pick(odd) : r.pick(names)));
    const path = parts.join('/');
    if (r.chance(40)) return `${this.outside}/${path}`;
    return r.chance(10) ? `${path}/` : path;
  }

  private base(): FileNode {
    const { r } = this;
    const dirs = this.held.filter(({ kind }) => kind === 'directory');
    return dirs.length > 0 && r.chance(3) ? r.pick(dirs) : this.system.root;
  }

  attempt(): void {
    const { r } = this;
    const [path, other, base, toBase, follow] = [this.path(), this.path(), this.base(), this.base(), r.chance(2)];
    const acts: Record<string, () => void> = {
      open: () => this.open(base, path, { follow, write: r.chance(4) }),
      directory: () => this.open(base, path, { follow, directory: true }),
      create: () => this.open(base, path, { follow, write: true, create: true }),
      exclusive: () => this.open(base, path, { follow, write: true, create: true, exclusive: true }),
      truncate: () => this.open(base, path, { follow, truncate: true, create: r.chance(2) }),
      stat: () => this.check(statAt(base, path, follow).inode),
      times: () => setTimesAt(base, path, follow, { modified: 5n }),
      mkdir: () => mkdirAt(base, path),
      unlink: () => unlinkAt(base, path),
      rmdir: () => rmdirAt(base, path),
      rename: () => renameAt(base, path, toBase, other),
      link: () => linkAt(base, path, toBase, other),
      symlink: () => symlinkAt(r.chance(2) ? other : `../outside/${other}`, base, path),
      readlink: () => readlinkAt(base, path),
      held: () => this.use(),
    };
    const what = r.pick(Object.keys(acts));
    this.last.push(`${what} ${path} ${other}`);
    if (this.last.length > 100) this.last = this.last.slice(-20);
    const answer = this.answerOf(acts[what] as () => void);
    this.answers.set(answer, (this.answers.get(answer) ?? 0) + 1);
  }

  private answerOf(act: () => void): string {
    try {
      act();
      return 'ok';
    } catch (thrown) {
      if (thrown instanceof ErrnoError) return thrown.errno;
      throw thrown;
    }
  }

  private check(inode: bigint): void {
    assert.ok(!this.secrets.has(inode), `reached what is outside:\n${this.told()}`);
  }

  private open(base: FileNode, path: string, more: Partial<OpenHow>): void {
    const node = openAt(base, path, how(more));
    this.check(node.stat().inode);
    this.held.push(node);
    if (this.held.length > 20) this.held.splice(this.r.below(20), 1)[0]?.release();
    this.use(node);
  }

  private use(node = this.held.length > 0 ? this.r.pick(this.held) : this.system.root): void {
    this.check(node.stat().inode);
    if (node.kind === 'directory')
      for (const { name, inode } of node.list(0n)) {
        if (name !== '..') this.check(inode);
      }
    else {
      const into = new Uint8Array(100);
      const count = node.read(0, into);
      assert.notEqual(new TextDecoder().decode(into.subarray(0, count)), secret, this.told());
      if (this.r.chance(3)) node.write(0, new TextEncoder().encode('written by the guest'));
    }
  }
}
