// Random sequences of calls beside `node:wasi`, on folders that are alike, and on files in memory. Left out is what it is
// known to answer otherwise than others do, and than the official tests want:
//   - paths with `..`: it takes them apart without a look at what is there
//   - symbolic links within a path, or where something is made: it follows them by itself, also with `excl`
//   - links that lead out, trailing slashes, empty paths
//   - closing, renumbering and asking for the flags of the standard streams: it does that to the host's
//   - `fd_readdir`, `fd_fdstat_get`, `poll_oneoff`, `fd_allocate`, times, opening with flags of descriptors
//   - an errno for what the file was not opened for (`unless`)

import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WASI as NodeWASI } from 'node:wasi';
import test from 'ava';
import fc from 'fast-check';
import { errnos } from '../../src/wasi/errno.ts';
import { memoryFiles } from '../../src/wasi/index.ts';
import { WASI } from '../../src/wasi/node/index.ts';
import { bitOf } from '../../src/wasi/rights.ts';

const named = new Map(Object.entries(errnos).map(([name, number]) => [number, name]));

/** A guest without code, whose calls are made one by one. */
class Caller {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;

  constructor(
    private readonly calls: Readonly<Record<string, (...args: never[]) => unknown>>,
    memory: WebAssembly.Memory,
  ) {
    this.bytes = new Uint8Array(memory.buffer);
    this.view = new DataView(memory.buffer);
  }

  call(name: string, ...args: (number | bigint)[]): string {
    const answer = (this.calls[name] as (...args: unknown[]) => number)(...args);
    return named.get(answer) ?? `${answer}`;
  }

  /** The errno, or what the call has written below 64. */
  told(tell: (view: DataView) => unknown, name: string, ...args: (number | bigint)[]): unknown {
    this.bytes.fill(0xee, 0, 64);
    const errno = this.call(name, ...args);
    return errno === 'success' ? tell(this.view) : errno;
  }

  text(value: string, at = 1024): [number, number] {
    const bytes = new TextEncoder().encode(value);
    this.bytes.set(bytes, at);
    return [at, bytes.length];
  }

  /** One stretch, as a vector at 64. */
  vector(at: number, size: number): [number, number] {
    this.view.setUint32(64, at, true);
    this.view.setUint32(68, size, true);
    return [64, 1];
  }

  shown(at: number, size: number): string {
    return new TextDecoder().decode(this.bytes.slice(at, at + size));
  }
}

const none = () => undefined;
const u32 = (view: DataView) => view.getUint32(0, true);
const u64 = (view: DataView) => view.getBigUint64(0, true);
/** Kind, and the size of files. */
const statOf = (view: DataView) => [view.getUint8(16), view.getUint8(16) === 4 ? view.getBigUint64(32, true) : 0n];

type Act = (c: Caller) => unknown;
const fd = fc.constantFrom(4, 4, 4, 5, 5, 6, 7);
const path = fc.constantFrom('a', 'b', 'd', 'd/a', 'd/b', 'd/e', 'd/e/f', 'x', './b', 'a/x');
const linked = fc.oneof(path, fc.constant('link'));
const place = fc.integer({ min: 0, max: 6000 });
const size = fc.integer({ min: 1, max: 3000 });
const text = fc.string({ minLength: 1, maxLength: 200, unit: 'grapheme-ascii' });

const act = <T extends unknown[]>(
  parts: { [K in keyof T]: fc.Arbitrary<T[K]> },
  make: (...values: T) => Act,
): fc.Arbitrary<Act> => fc.tuple<T>(...parts).map((values) => make(...values));

const reading = BigInt(bitOf.fd_read | bitOf.fd_seek | bitOf.fd_tell | bitOf.fd_filestat_get);
const writing = reading | BigInt(bitOf.fd_write | bitOf.fd_filestat_set_size | bitOf.fd_allocate);

const opening = act(
  [path, fc.constantFrom(0, 1, 5, 8, 9), fc.boolean()],
  (path, flags, write) => (c) =>
    c.told(u32, 'path_open', 3, 1, ...c.text(path), flags, write || flags > 0 ? writing : reading, 0n, 0, 0),
);

const acts = fc.oneof(
  ...[opening, opening, opening, opening],
  act([fd, text], (fd, text) => (c) => c.told(u32, 'fd_write', fd, ...c.vector(...c.text(text)), 0)),
  act(
    [fd, text, place],
    (fd, text, at) => (c) => c.told(u32, 'fd_pwrite', fd, ...c.vector(...c.text(text)), BigInt(at), 0),
  ),
  act(
    [fd, size],
    (fd, size) => (c) => c.told((view) => c.shown(8192, u32(view)), 'fd_read', fd, ...c.vector(8192, size), 0),
  ),
  act(
    [fd, size, place],
    (fd, size, at) => (c) =>
      c.told((view) => c.shown(8192, u32(view)), 'fd_pread', fd, ...c.vector(8192, size), BigInt(at), 0),
  ),
  act(
    [fd, place, fc.constantFrom(0, 1, 2)],
    (fd, at, whence) => (c) => c.told(u64, 'fd_seek', fd, BigInt(at) - 2000n, whence, 0),
  ),
  act([fd], (fd) => (c) => c.told(u64, 'fd_tell', fd, 0)),
  act([fd, size], (fd, size) => (c) => c.told(none, 'fd_filestat_set_size', fd, BigInt(size))),
  act([fd], (fd) => (c) => c.told(statOf, 'fd_filestat_get', fd, 0)),
  act([fd], (fd) => (c) => c.told(none, 'fd_close', fd)),
  act([path], (path) => (c) => c.told(none, 'path_create_directory', 3, ...c.text(path))),
  act([path], (path) => (c) => c.told(none, 'path_remove_directory', 3, ...c.text(path))),
  act([path], (path) => (c) => c.told(none, 'path_unlink_file', 3, ...c.text(path))),
  act([path, path], (from, to) => (c) => c.told(none, 'path_rename', 3, ...c.text(from), 3, ...c.text(to, 2048))),
  act([path], (target) => (c) => c.told(none, 'path_symlink', ...c.text(target), 3, ...c.text('link', 2048))),
  fc.constant<Act>((c) => c.told(u32, 'path_open', 3, 1, ...c.text('link'), 0, reading, 0n, 0, 0)),
  fc.constant<Act>((c) => c.told(none, 'path_unlink_file', 3, ...c.text('link'))),
  act(
    [linked, fc.constantFrom(0, 1)],
    (path, follow) => (c) => c.told(statOf, 'path_filestat_get', 3, follow, ...c.text(path), 0),
  ),
  act(
    [linked],
    (path) => (c) => c.told((view) => c.shown(8192, u32(view)), 'path_readlink', 3, ...c.text(path), 8192, 100, 0),
  ),
);

const first = { a: 'some text', 'd/b': 'x'.repeat(5000) };

function caller(kind: typeof WASI | typeof NodeWASI, preopens: object): Caller {
  const system = new kind({ version: 'preview1', preopens: preopens as Record<string, string> });
  const memory = new WebAssembly.Memory({ initial: 1 });
  system.initialize({ exports: { memory } });
  return new Caller(system.wasiImport as never, memory);
}

/** What is in a folder. */
const within = (folder: string): unknown[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const at = join(folder, name);
      const stat = lstatSync(at);
      if (stat.isDirectory()) return [name];
      return [name, stat.isSymbolicLink() ? readlinkSync(at) : readFileSync(at, 'latin1')];
    });

function withFolders<T>(act: (theirs: string, ours: string) => T): T {
  const place = mkdtempSync(join(tmpdir(), 'wasbox-node-'));
  try {
    for (const folder of ['theirs', 'ours']) {
      mkdirSync(join(place, folder, 'd'), { recursive: true });
      for (const [name, text] of Object.entries(first)) writeFileSync(join(place, folder, name), text);
    }
    return act(join(place, 'theirs'), join(place, 'ours'));
  } finally {
    rmSync(place, { recursive: true });
  }
}

/** `node:wasi` holds a descriptor to rights where the file itself was not opened for it, or is a directory. */
const unless = (ours: unknown, theirs: unknown): unknown =>
  theirs === 'notcapable' && (ours === 'badf' || ours === 'isdir') ? theirs : ours;

test('calls on files come to the same as with node:wasi', (t) => {
  const answers = new Map<string, number>();
  const count = (answer: unknown) => {
    const key = typeof answer === 'string' && answer in errnos ? answer : 'ok';
    answers.set(key, (answers.get(key) ?? 0) + 1);
  };
  fc.assert(
    fc.property(fc.array(acts, { minLength: 30, maxLength: 80 }), (list) =>
      withFolders((theirs, ours) => {
        const node = caller(NodeWASI, { '/': theirs });
        const inFolder = caller(WASI, { '/': ours });
        const inMemory = caller(WASI, { '/': memoryFiles({ contents: first }) });
        for (const act of list) {
          const answer = act(node);
          count(answer);
          for (const other of [inFolder, inMemory]) t.deepEqual(unless(act(other), answer), answer, act.toString());
        }
        t.deepEqual(within(ours), within(theirs));
      }),
    ),
    { numRuns: 150 },
  );
  for (const answer of ['ok', 'badf', 'exist', 'noent', 'notdir', 'isdir', 'inval', 'notempty', 'notcapable'])
    t.true((answers.get(answer) ?? 0) > 10, answer);
});
