// Files in memory as data: the same after a restore, shared until written, and worth no trust.

import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import test from 'ava';
import { Writer } from '../../../src/binary/writer.ts';
import { LimitError, SnapshotError } from '../../../src/index.ts';
import type { defaultFileLimits } from '../../../src/wasi/files/limits.ts';
import { pageBytes } from '../../../src/wasi/files/memory/pages.ts';
import type { MemoryFileSystem } from '../../../src/wasi/files/memory/system.ts';
import { linkAt, mkdirAt, openAt, renameAt, statAt, symlinkAt, unlinkAt } from '../../../src/wasi/files/paths.ts';
import type { SavedFiles } from '../../../src/wasi/files/types.ts';
import { bytesAt, memory, names, open, put, textAt, treeOf } from './made.ts';

const noise = (length: number, seed = 1): Uint8Array => {
  const bytes = new Uint8Array(length);
  for (let i = 0, x = seed; i < length; i++) {
    x = (Math.imul(x, 1103515245) + 12345) >>> 0;
    bytes[i] = x >>> 24;
  }
  return bytes;
};

function sample(): MemoryFileSystem {
  const system = memory();
  const { root } = system;
  for (const dir of ['a', 'a/b', 'empty']) mkdirAt(root, dir);
  put(root, 'a/b/text', 'hello');
  put(root, 'none');
  open(root, 'a/noise').write(0, noise(50_000));
  open(root, 'sparse').write(100_000, Uint8Array.of(1));
  linkAt(root, 'a/b/text', root, 'same');
  symlinkAt('a/b', root, 'link');
  return system;
}

const blockBytes = ({ blocks }: SavedFiles): number => blocks.reduce((sum, block) => sum + block.length, 0);
const hex = ({ blocks }: SavedFiles): string =>
  Buffer.concat(blocks.map((block) => Uint8Array.from(block))).toString('hex');

for (const way of ['save', 'send'] as const) {
  test(`${way}: all is there again`, (t) => {
    const system = sample();
    const { root } = system;
    const file = openAt(root, 'a/b/text', { follow: false, read: true, write: true });
    file.setTimes({ accessed: 2n ** 64n - 1n, modified: 3n });
    const gone = open(root, 'gone');
    gone.write(0, noise(9000, 7));
    unlinkAt(root, 'gone');
    const twin = memory({}, structuredClone(system[way]()));
    t.deepEqual(treeOf(twin.root), treeOf(root));
    t.is(twin.used, system.used);
    t.is(statAt(twin.root, 'same', false).links, 2n);
    for (const path of ['a/b/text', 'a', 'link', 'sparse', '.'])
      t.deepEqual(statAt(twin.root, path, false), statAt(root, path, false), path);
    const again = twin.restoreNode(file.save());
    t.deepEqual(again.stat(), file.stat());
    again.write(0, Uint8Array.of(65));
    t.is(textAt(twin.root, 'same'), 'Aello');
    t.is(textAt(root, 'same'), 'hello');
    const goneAgain = twin.restoreNode(gone.save());
    const into = new Uint8Array(9000);
    t.is(goneAgain.read(0, into), 9000);
    t.deepEqual(into, noise(9000, 7));
    const used = twin.used;
    goneAgain.release();
    t.true(twin.used < used - 9000, 'and it ends when it is let go of');
    t.is(twin.restoreNode(twin.root.save()), twin.root);
  });

  test(`${way}: a listing goes on`, (t) => {
    const system = memory();
    for (let i = 0; i < 50; i++) put(system.root, `f${i}`);
    for (let i = 0; i < 50; i += 3) unlinkAt(system.root, `f${i}`);
    const cookie = Array.from(system.root.list(0n))[10]?.next;
    const twin = memory({}, system[way]());
    t.deepEqual(names(twin.root, cookie), names(system.root, cookie));
    put(twin.root, 'f0');
    t.is(names(twin.root, cookie).at(-1), 'f0');
  });

  test(`${way}: whoever writes, the other sees nothing of it`, (t) => {
    const system = sample();
    const before = treeOf(system.root);
    const twin = memory({}, system[way]());
    const third = memory({}, twin[way]());
    open(system.root, 'a/noise').write(4000, noise(300, 2));
    open(twin.root, 'a/noise').truncate(10);
    open(twin.root, 'new').write(0, noise(30_000, 3));
    renameAt(twin.root, 'a', twin.root, 'moved');
    t.deepEqual(treeOf(third.root), before);
    t.deepEqual(bytesAt(system.root, 'a/noise').subarray(4000, 4300), noise(300, 2));
    t.deepEqual(bytesAt(twin.root, 'moved/noise'), noise(10));
    t.deepEqual(bytesAt(twin.root, 'new'), noise(30_000, 3));
  });

  test(`${way}: blocks cross threads without being copied`, (t) => {
    const { port1, port2 } = new MessageChannel();
    const saved = sample()[way]();
    port1.postMessage(saved);
    const { message } = receiveMessageOnPort(port2) as { message: SavedFiles };
    port1.close();
    t.true(message.blocks.length > 0 && message.blocks.every((block) => block.buffer instanceof SharedArrayBuffer));
    t.deepEqual(treeOf(memory({}, message).root), treeOf(sample().root));
    (saved.blocks.at(-1) as Uint8Array)[0] = 77;
    t.is((message.blocks.at(-1) as Uint8Array)[0], 77, 'they are the same bytes');
  });
}

test('equal files give equal data, whatever came before', (t) => {
  const system = sample();
  const twin = memory({}, sample().send());
  t.is(hex(twin.save()), hex(system.save()));
  const file = open(twin.root, 'a/noise');
  const { accessed, modified } = file.stat();
  for (let i = 0; i < 5; i++) {
    twin.send();
    file.write(i * 9000, noise(10, i + 5));
  }
  file.write(0, noise(50_000));
  file.write(60_000, noise(5000));
  file.truncate(50_000);
  file.setTimes({ accessed, modified });
  const changed = file.stat().changed;
  t.not(changed, openAt(system.root, 'a/noise', { follow: true, read: true, write: false }).stat().changed);
  const contents = (files: SavedFiles) => hex({ ...files, blocks: files.blocks.slice(1) });
  t.is(contents(twin.save()), contents(system.save()));
});

test('deleted bytes are in no snapshot', (t) => {
  const system = memory();
  const secret = new TextEncoder().encode('the secret that was deleted');
  for (let i = 0; i < 20; i++) open(system.root, `f${i}`).write(0, noise(5000, i));
  const file = open(system.root, 'secret');
  file.write(0, secret);
  file.release();
  system.send();
  unlinkAt(system.root, 'secret');
  const all = Buffer.from(hex(system.save()), 'hex');
  t.is(all.indexOf(secret), -1);
  t.true(all.length < 20 * 2 * pageBytes + 2 * pageBytes);
});

test('sending again and again what is written a little each time', (t) => {
  let system = memory();
  open(system.root, 'large').write(0, noise(8_000_000));
  const expected = noise(8_000_000);
  let most = { blocks: 0, bytes: 0 };
  for (let i = 0; i < 600; i++) {
    const file = open(system.root, 'large');
    const at = (i * 7_654_321) % 7_999_000;
    file.write(at, noise(10, i));
    expected.set(noise(10, i), at);
    file.release();
    const sent = system.send();
    most = { blocks: Math.max(most.blocks, sent.blocks.length), bytes: Math.max(most.bytes, blockBytes(sent)) };
    if (i % 7 === 0) system = memory({}, sent);
  }
  t.true(Buffer.from(bytesAt(system.root, 'large')).equals(expected));
  t.true(most.blocks < 60, `${most.blocks} blocks`);
  t.true(most.bytes < 2.5 * 8_000_000, `${most.bytes} bytes`);
});

test('a save hands over as few blocks as there are buffers, however much stands in them', (t) => {
  const blocks = (bytes: number) => {
    const system = memory();
    open(system.root, 'f').write(0, new Uint8Array(bytes).fill(1));
    return system.send().blocks.length;
  };
  t.true(blocks(2 ** 26) <= 80);
});

test('of two saves only those pages are others that were written in between', (t) => {
  const system = memory();
  const pages = 4096;
  open(system.root, 'f').write(0, noise(pages * pageBytes));
  const buffers = new Map<unknown, number>();
  const places = (): Set<string> =>
    new Set(
      system.save().blocks.flatMap(({ buffer, byteOffset, length }) => {
        buffers.set(buffer, buffers.get(buffer) ?? buffers.size);
        return Array.from(
          { length: length / pageBytes },
          (_, i) => `${buffers.get(buffer)} ${byteOffset + i * pageBytes}`,
        );
      }),
    );
  let before = places();
  let others = 0;
  const [rounds, written] = [50, 40];
  for (let round = 0; round < rounds; round++) {
    const file = open(system.root, 'f');
    for (let i = 0; i < written; i++)
      file.write(((round * written + i) * 101 * pageBytes) % (pages * pageBytes), noise(9, i));
    file.release();
    const after = places();
    t.true(after.size >= pages && after.size < pages + 10);
    for (const place of after) if (!before.has(place)) others++;
    before = after;
  }
  t.true(others < 3 * rounds * written, `${others} for ${rounds * written} that were written`);
});

// Forged.

const whole = (): SavedFiles => sample().save();
const refused = (t: import('ava').ExecutionContext, saved: SavedFiles, message: RegExp): void => {
  t.throws(() => memory({}, saved), { instanceOf: SnapshotError, message });
};

test('data that is none', (t) => {
  const { blocks, data } = whole();
  for (const other of [null, 1, 'memory', {}, { kind: 'image' }])
    refused(t, { blocks, data: other }, /not a file system/);
  refused(t, { blocks, data: { ...(data as object), version: 2 } }, /another version/);
  for (const tree of [-1, 1.5, 2 ** 40, '5', undefined])
    refused(t, { blocks, data: { ...(data as object), tree } }, /count/);
  refused(t, { blocks: [], data }, /shorter/);
  refused(t, { blocks: [new Uint8Array(100)], data }, /whole pages/);
  refused(t, { blocks: 5 as never, data }, /whole pages/);
  refused(t, { blocks: ['text'] as never, data }, /whole pages/);
  refused(t, { blocks: blocks.slice(0, -1), data }, /not there/);
});

/** A tree made by hand. */
function forged(nextInode: number, nodes: readonly ((w: Writer) => void)[], pages = 0): SavedFiles {
  const w = new Writer();
  w.u64(nextInode, 0);
  w.list(nodes, (_, node) => node(w));
  const tree = new Uint8Array(Math.ceil(w.length / pageBytes) * pageBytes);
  tree.set(w.view());
  const data = { kind: 'memory', version: 1, tree: w.length };
  return { data, blocks: [tree, new Uint8Array(pages * pageBytes).fill(1)] };
}

const head = (w: Writer, kind: number, inode: number) => {
  w.byte(kind);
  w.u64(inode, 0);
  for (let i = 0; i < 3; i++) w.u64(0, 0);
};
const file =
  (inode: number, size: number, runs: readonly (readonly [number, number])[] = []) =>
  (w: Writer) => {
    head(w, 0, inode);
    w.bigU64(BigInt(size));
    w.list(runs, (_, [count, first]) => {
      w.u32(count);
      w.u32(first);
    });
  };
const directory =
  (inode: number, entries: readonly (readonly [number, string, number])[], next = 100) =>
  (w: Writer) => {
    head(w, 1, inode);
    w.u64(next, 0);
    w.list(entries, (_, [cookie, name, node]) => {
      w.u64(cookie, 0);
      w.name(name);
      w.u64(node, 0);
    });
  };
const link = (inode: number, target: string) => (w: Writer) => {
  head(w, 2, inode);
  w.name(target);
};

test('trees that were made by hand are read', (t) => {
  const saved = forged(9, [
    directory(1, [
      [2, 'f', 5],
      [3, 'd', 2],
      [7, 'l', 3],
    ]),
    file(5, 5000, [
      [1, 0],
      [1, 0],
    ]),
    directory(2, []),
    link(3, 'f'),
  ]);
  t.deepEqual(Object.keys(treeOf(memory({}, saved).root)), ['f', 'd/', 'l']);
  const pages = forged(
    9,
    [
      directory(1, [[2, 'f', 2]]),
      file(2, 3 * pageBytes, [
        [1, 2],
        [1, 0],
        [1, 1],
      ]),
    ],
    2,
  );
  const { root } = memory({}, pages);
  t.deepEqual(
    [0, pageBytes, 2 * pageBytes].map((at) => bytesAt(root, 'f')[at]),
    [1, 0, 1],
  );
});

test('trees that cannot be', (t) => {
  const root = (...entries: [number, string, number][]) => directory(1, entries);
  const cases: [SavedFiles, RegExp][] = [
    [forged(9, []), /root is no directory/],
    [forged(9, [file(1, 0)]), /root is no directory/],
    [forged(9, [root([2, 'f', 5])]), /entry of nothing/],
    [forged(9, [root(), directory(1, [])]), /number twice/],
    [forged(9, [root([2, 'f', 9]), file(9, 0)]), /too large/],
    [forged(9, [root([2, 'f', 0]), file(0, 0)]), /too large/],
    [forged(9, [root([2, 'me', 1])]), /two names/],
    [forged(9, [root([2, 'd', 2]), directory(2, [[2, 'up', 1]])]), /two names/],
    [forged(9, [root([2, 'd', 2]), directory(2, [[2, 'me', 2]])]), /two names/],
    [forged(9, [root([2, 'd', 2], [3, 'e', 2]), directory(2, [])]), /two names/],
    [forged(9, [root(), directory(2, [[2, 'd', 3]]), directory(3, [[2, 'd', 2]])]), /without a name/],
    [forged(9, [root(), directory(2, [[2, 'f', 3]]), file(3, 0)]), /without a name/],
    ...['', '.', '..', 'a/b', 'a\0', 'x'.repeat(256)].map((name): [SavedFiles, RegExp] => [
      forged(9, [root([2, name, 2]), file(2, 0)]),
      /not a name/,
    ]),
    [forged(9, [root([2, 'f', 2], [3, 'f', 3]), file(2, 0), file(3, 0)]), /not a name, or twice/],
    [forged(9, [root([3, 'f', 2], [2, 'g', 2]), file(2, 0)]), /cookie/],
    [forged(9, [root([2, 'f', 2], [2, 'g', 2]), file(2, 0)]), /cookie/],
    [forged(9, [root([1, 'f', 2]), file(2, 0)]), /cookie/],
    [forged(9, [root([100, 'f', 2]), file(2, 0)]), /cookie/],
    [forged(9, [root([2, 'l', 2]), link(2, '')]), /link to nothing/],
    [forged(9, [root([2, 'l', 2]), link(2, 'a\0b')]), /link to nothing/],
    [forged(9, [root([2, 'f', 2]), file(2, pageBytes, [[1, 1]])]), /not there/],
    [forged(9, [root([2, 'f', 2]), file(2, 2 * pageBytes, [[2, 1]])], 1), /not there/],
    [
      forged(
        9,
        [
          root([2, 'f', 2]),
          file(2, 2 * pageBytes, [
            [1, 1],
            [1, 1],
          ]),
        ],
        1,
      ),
      /twice/,
    ],
    [
      forged(9, [root([2, 'f', 2], [3, 'g', 3]), file(2, pageBytes, [[1, 1]]), file(3, pageBytes, [[1, 1]])], 1),
      /twice/,
    ],
    [forged(9, [root([2, 'f', 2]), file(2, pageBytes, [[2, 1]])], 2), /more pages/],
    [forged(9, [root([2, 'f', 2]), file(2, pageBytes, [[0, 1]])], 2), /empty run/],
    [forged(9, [root([2, 'f', 2]), file(2, 100, [[1, 1]])], 1), /past its end/],
    [forged(9, [(w) => w.byte(7)]), /of no kind/],
    [forged(9, [root(), (w) => w.byte(0)]), /end/],
  ];
  for (const [saved, message] of cases) refused(t, saved, message);
});

test('sizes that are beyond the limits allocate nothing', (t) => {
  const limited = (saved: SavedFiles, limits: Partial<typeof defaultFileLimits>, limit: string) =>
    t.is(t.throws(() => memory(limits, saved), { instanceOf: LimitError }).limit, limit);
  const root = directory(1, [[2, 'f', 2]]);
  limited(forged(9, [root, file(2, 2 ** 50)]), {}, 'bytes');
  limited(forged(9, [root, file(2, 2 ** 50, [[2 ** 31, 0]])]), {}, 'bytes');
  limited(forged(9, [root, file(2, 100_000)]), { bytes: 50_000 }, 'bytes');
  limited(forged(9, [root, file(2, 0)]), { nodes: 1 }, 'nodes');
  limited(
    forged(9, [directory(1, [[2, 'd', 2]]), directory(2, [[2, 'd', 3]]), directory(3, [])]),
    { depth: 1 },
    'depth',
  );
  const many = (count: number) =>
    forged(count + 2, [
      directory(1, []),
      ...Array.from({ length: count }, (_, i) => file(i + 2, 2 ** 26, [[2 ** 14, 0]])),
    ]);
  limited(many(3000), { bytes: 2 ** 26 }, 'bytes');
});

test('a tree that is cut short or damaged is refused or is as good as any other', (t) => {
  const saved = whole();
  const [tree, ...rest] = saved.blocks as [Uint8Array, ...Uint8Array[]];
  const { tree: length } = saved.data as { tree: number };
  let read = 0;
  for (let i = 0; i < length; i++)
    for (const value of [0, 1, 127, 255]) {
      const damaged = Uint8Array.from(tree);
      damaged[i] = value;
      try {
        const { root } = memory({}, { ...saved, blocks: [damaged, ...rest] });
        treeOf(root);
        put(root, 'new', 'x');
        t.notThrows(() => unlinkAt(root, 'new'));
        read++;
      } catch (error) {
        t.true(error instanceof SnapshotError || error instanceof LimitError, String(error));
      }
    }
  t.true(read > 0);
  for (let i = 0; i < length; i++)
    t.throws(() => memory({}, { ...saved, data: { ...(saved.data as object), tree: i } }), {
      instanceOf: SnapshotError,
    });
});

test('nodes that are not there cannot be restored', (t) => {
  const system = memory({}, whole());
  for (const node of [0, 99, -1, '1', null, undefined, {}])
    t.throws(() => system.restoreNode(node), { instanceOf: SnapshotError });
});
