// A file system in memory as data: what is in it as a row of bytes, the tree, and the pages of its files. The writer and the
// reader stand side by side; the reader believes nothing.
//
// `data` is { kind: 'memory', version, tree }: the bytes of the tree. The row of pages begins with those of the tree, the
// last one filled up with zeros; the files' pages follow and are counted from 0 on. The tree is, in LEB128:
//   next      u64: the number of the next node
//   count     u32, and so many nodes. The root is first, then each node where its first name is met, level by level; at
//             the end those that have no name but are held.
// A node is:
//   kind      u8: 0 file, 1 directory, 2 symbolic link
//   inode     u64: its number
//   times     u64 three times: accessed, modified, changed
// and then a file
//   size      u64
//   runs      u32 count, and for each: u32 pages; u32 place of the first of them, plus one, or 0 for a hole. After
//             the last run there are only holes; which of them are told makes a difference in what the file uses.
// a directory
//   next      u64: the cookie of the next entry
//   entries   u32 count, and for each, by ascending cookies: u64 cookie, name, u64 inode
// a symbolic link
//   target    name

import { Reader } from '../../../binary/reader.ts';
import { Writer } from '../../../binary/writer.ts';
import { sharedBytes } from '../../../runtime/beneath/shared.ts';
import { bad, isCount } from '../../../snapshot/data/form.ts';
import { LimitError, MalformedError } from '../../../spec/errors.ts';
import { checkDeadline } from '../../../spec/patience.ts';
import { firstCookie } from '../listing.ts';
import { isName, isTarget } from '../names.ts';
import type { SavedFiles } from '../types.ts';
import { Contents } from './contents.ts';
import { Entries } from './entries.ts';
import { MemoryDirectory, MemoryFile, MemoryLink, type MemoryNode, type MemoryVolume, type Times } from './nodes.ts';
import { hole, pageBytes } from './pages.ts';
import { entryCost, nodeCost } from './volume.ts';

const version = 1;
const kinds = ['file', 'directory', 'symlink'] as const;

interface Data {
  readonly kind: 'memory';
  readonly version: number;
  readonly tree: number;
}

// Writing.

/** `places` tells where a page will be in the row, `blocks` what the row is made of; it is asked for last. */
export interface Row {
  placeOf(page: number): number;
  blocks(): readonly Uint8Array[];
}

export function write(volume: MemoryVolume, root: MemoryDirectory, row: Row): SavedFiles {
  const w = new Writer(1024);
  const nodes = inOrder(volume, root);
  writeCount(w, volume.nextInode);
  w.list(nodes, (_, node) => writeNode(w, node, row));
  const tree = sharedBytes(Math.ceil(w.length / pageBytes) * pageBytes);
  tree.set(w.view());
  const data: Data = { kind: 'memory', version, tree: w.length };
  return { data, blocks: [tree, ...row.blocks()] };
}

function inOrder(volume: MemoryVolume, root: MemoryDirectory): MemoryNode[] {
  const nodes = new Set<MemoryNode>([root]);
  for (const node of nodes)
    if (node.kind === 'directory') for (const entry of node.entries.all()) if (entry.node) nodes.add(entry.node);
  const nameless = [...volume.nodes.values()].filter((node) => node.links === 0 && node.isHeld);
  return [...nodes, ...nameless.sort((a, b) => a.inode - b.inode)];
}

const writeCount = (w: Writer, count: number): void => w.u64(count | 0, Math.floor(count / 2 ** 32));

function writeNode(w: Writer, node: MemoryNode, row: Row): void {
  checkDeadline('saving files');
  w.byte(kinds.indexOf(node.kind));
  writeCount(w, node.inode);
  for (const time of [node.times.accessed, node.times.modified, node.times.changed]) w.bigU64(time);
  if (node.kind === 'file') writeFile(w, node.contents, row);
  else if (node.kind === 'symlink') w.name(node.target);
  else {
    writeCount(w, node.entries.nextCookie);
    w.list([...node.entries.all()], (_, { cookie, name, node: named }) => {
      writeCount(w, cookie);
      w.name(name);
      writeCount(w, named?.inode ?? 0);
    });
  }
}

function writeFile(w: Writer, { size, table }: Contents, row: Row): void {
  writeCount(w, size);
  const runs: [count: number, first: number][] = [];
  for (const page of table) {
    const place = page === hole ? 0 : row.placeOf(page) + 1;
    const last = runs.at(-1);
    if (last !== undefined && place === (last[1] === 0 ? 0 : last[0] + last[1])) last[0]++;
    else runs.push([1, place]);
  }
  w.list(runs, (_, [count, first]) => {
    w.u32(count);
    w.u32(first);
  });
}

// Reading.

/** Throws SnapshotError, and LimitError where it is more than the volume may have. The volume must be new. */
export function read(volume: MemoryVolume, saved: SavedFiles): MemoryDirectory {
  const { head, rest } = cut(saved, checkData(saved.data).tree);
  const adopter = volume.room.pages.adopt(rest);
  const places = rest.reduce((sum, block) => sum + block.length / pageBytes, 0);
  const taken = new Uint8Array(places);
  const takePage = (place: number): number => {
    if (place >= places || taken[place] !== 0) bad('a page that is not there, or twice', `files, page ${place}`);
    taken[place] = 1;
    return adopter.page(place);
  };
  const root = new TreeReader(volume, new Reader(head), takePage).read();
  adopter.adopted();
  volume.checkLimits();
  return root;
}

function checkData(data: unknown): Data {
  const { kind, version: written, tree } = (data ?? {}) as Partial<Data>;
  if (kind !== 'memory') bad('not a file system in memory', 'files');
  if (written !== version) bad('of another version of wasbox', 'files');
  if (!isCount(tree, 2 ** 31)) return bad('a count expected', 'files, tree');
  return { kind, version, tree };
}

/** The first bytes of the row, copied, and its pages after those that they are in. */
function cut({ blocks }: SavedFiles, bytes: number): { head: Uint8Array; rest: Uint8Array[] } {
  const isBlock = (block: unknown) => block instanceof Uint8Array && block.length % pageBytes === 0;
  if (!Array.isArray(blocks) || !blocks.every(isBlock)) bad('blocks of whole pages expected', 'files');
  const row = blocks as readonly Uint8Array[];
  if (bytes > row.reduce((sum, block) => sum + block.length, 0)) bad('shorter than it says', 'files, tree');
  const head = new Uint8Array(bytes);
  const rest: Uint8Array[] = [];
  let left = Math.ceil(bytes / pageBytes) * pageBytes;
  let at = 0;
  for (const block of row) {
    const mine = block.subarray(0, left);
    head.set(mine.subarray(0, bytes - at), at);
    at = Math.min(bytes, at + mine.length);
    left -= mine.length;
    if (mine.length < block.length) rest.push(block.subarray(mine.length));
  }
  return { head, rest };
}

/** An entry, before it is known whether there is such a node. */
interface Named {
  readonly cookie: number;
  readonly name: string;
  readonly inode: number;
}

class TreeReader {
  private readonly entriesOf = new Map<MemoryDirectory, readonly Named[]>();

  constructor(
    private readonly volume: MemoryVolume,
    private readonly r: Reader,
    private readonly takePage: (place: number) => number,
  ) {}

  read(): MemoryDirectory {
    try {
      this.volume.nextInode = this.count();
      for (let left = this.r.size(); left > 0; left--) this.node();
      if (this.r.pos !== this.r.end) this.bad('something follows');
    } catch (error) {
      if (error instanceof MalformedError) bad(error.message, 'files, tree');
      throw error;
    }
    const root = this.volume.nodes.values().next().value;
    if (root?.kind !== 'directory') return this.bad('the root is no directory');
    this.connect(root);
    return root;
  }

  private bad(what: string, inode?: number): never {
    return bad(what, inode === undefined ? 'files, tree' : `files, node ${inode}`);
  }

  private count(): number {
    const count = this.r.bigU64();
    if (count > BigInt(Number.MAX_SAFE_INTEGER)) this.bad('a count expected');
    return Number(count);
  }

  private node(): void {
    checkDeadline('restoring files');
    const { r, volume } = this;
    const kind = kinds[r.byte()] ?? this.bad('of no kind that there is');
    const inode = this.count();
    if (inode < 1 || inode >= volume.nextInode || volume.nodes.has(inode))
      this.bad('a number twice, or too large', inode);
    const times: Times = { accessed: r.bigU64(), modified: r.bigU64(), changed: r.bigU64() };
    volume.nodes.set(inode, this.make(kind, inode, times));
    volume.checkLimits();
  }

  private make(kind: MemoryNode['kind'], inode: number, times: Times): MemoryNode {
    const { r, volume } = this;
    const target = kind === 'symlink' ? r.name() : '';
    volume.room.used += nodeCost(target);
    switch (kind) {
      case 'file':
        return this.file(new MemoryFile(volume, inode, times));
      case 'directory':
        return this.directory(new MemoryDirectory(volume, inode, times));
      case 'symlink':
        if (!isTarget(target)) this.bad('a link to nothing', inode);
        return new MemoryLink(volume, inode, times, target);
    }
  }

  private file(file: MemoryFile): MemoryFile {
    const { r, volume } = this;
    const size = this.count();
    const { bytes } = volume.limits;
    if (size > bytes)
      throw new LimitError(`files: one of ${size} bytes, the limit is ${bytes}`, { limit: 'bytes', value: bytes });
    const runs = Array.from({ length: r.size() }, () => [r.u32(), r.u32()] as const);
    const count = runs.reduce((sum, [length]) => sum + length, 0);
    if (count > Math.ceil(size / pageBytes)) this.bad('more pages than it is long', file.inode);
    volume.room.used += 4 * count;
    volume.checkLimits();
    file.contents = Contents.restore(volume.room, size, this.table(runs, count, file.inode));
    if (!file.contents.endsInZeros()) this.bad('bytes past its end', file.inode);
    return file;
  }

  private table(runs: readonly (readonly [number, number])[], count: number, inode: number): Int32Array<ArrayBuffer> {
    const table = new Int32Array(count).fill(hole);
    let at = 0;
    for (const [length, first] of runs) {
      if (length === 0) this.bad('an empty run', inode);
      if (first > 0) for (let i = 0; i < length; i++) table[at + i] = this.takePage(first - 1 + i);
      if (first > 0) this.volume.room.used += length * pageBytes;
      at += length;
    }
    return table;
  }

  private directory(directory: MemoryDirectory): MemoryDirectory {
    const { r } = this;
    directory.entries = new Entries(this.count());
    const entries = Array.from({ length: r.size() }, () => ({
      cookie: this.count(),
      name: r.name(),
      inode: this.count(),
    }));
    this.entriesOf.set(directory, entries);
    return directory;
  }

  /** Gives the nodes their names, level by level from the root, and checks that this reaches all that have any. */
  private connect(root: MemoryDirectory): void {
    root.links = 1;
    let level = [root];
    for (let depth = 0; level.length > 0; depth++) {
      const { depth: most } = this.volume.limits;
      if (depth > most)
        throw new LimitError(`files: directories ${depth} deep, the limit is ${most}`, { limit: 'depth', value: most });
      level = level.flatMap((directory) => this.fill(directory));
    }
    for (const [directory, entries] of this.entriesOf)
      if (directory.links === 0 && entries.length > 0)
        this.bad('entries of a directory without a name', directory.inode);
  }

  /** The directories in it are returned. */
  private fill(directory: MemoryDirectory): MemoryDirectory[] {
    const { volume } = this;
    const directories: MemoryDirectory[] = [];
    let least = firstCookie;
    for (const { cookie, name, inode } of this.entriesOf.get(directory) ?? []) {
      checkDeadline('restoring files');
      const node = volume.nodes.get(inode) ?? this.bad('an entry of nothing', directory.inode);
      if (!isName(name) || directory.entries.get(name)) this.bad('not a name, or twice', directory.inode);
      if (cookie < least || cookie >= directory.entries.nextCookie) this.bad('a cookie out of order', directory.inode);
      if (node.kind === 'directory') {
        if (node.links > 0) this.bad('a directory with two names', inode);
        directories.push(node);
        directory.takeIn(node);
      }
      node.links++;
      directory.entries.add(name, node, cookie);
      volume.room.used += entryCost(name);
      least = cookie + 1;
    }
    return directories;
  }
}
