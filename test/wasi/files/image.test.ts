// Read-only files, and what hosts give and get as a whole.

import test from 'ava';
import { SnapshotError, UsageError } from '../../../src/index.ts';
import { imageFiles } from '../../../src/wasi/files/image/source.ts';
import { memoryFiles } from '../../../src/wasi/files/memory/source.ts';
import { mkdirAt, openAt, statAt, unlinkAt } from '../../../src/wasi/files/paths.ts';
import { contentsOf } from '../../../src/wasi/files/tree.ts';
import { fails, names, refusesChanges, surroundings, textAt } from './made.ts';

const contents = { 'a/b': 'text', '/c': Uint8Array.of(1, 2), 'empty/': '', l: { symlink: 'a/b' } };

test('contents from a record, a map and a list', (t) => {
  for (const given of [contents, new Map(Object.entries(contents)), Object.entries(contents)]) {
    const { root } = imageFiles(given).create(surroundings());
    t.is(textAt(root, 'a/b'), 'text');
    t.is(textAt(root, 'l'), 'text');
    t.is(statAt(root, 'c', false).size, 2n);
    t.deepEqual(names(root), ['.', '..', 'a', 'c', 'empty', 'l']);
    t.deepEqual(Array.from(contentsOf(root)), [
      ['a/b', new TextEncoder().encode('text')],
      ['c', Uint8Array.of(1, 2)],
      ['empty/', new Uint8Array(0)],
      ['l', { symlink: 'a/b' }],
    ]);
  }
});

test('contents that cannot be', (t) => {
  for (const wrong of [
    { '../x': '' },
    { 'a/../../x': '' },
    { a: '', 'a/b': '' },
    { 'a\0': '' },
    { x: { symlink: '/etc' } },
  ])
    t.throws(() => imageFiles(wrong), { instanceOf: UsageError, message: /cannot be made/ });
  t.throws(() => imageFiles({ a: 5 as never }), {
    instanceOf: UsageError,
    message: /"a" must be a text, bytes or a link/,
  });
  t.throws(() => imageFiles(5 as never), { instanceOf: UsageError });
  t.throws(() => memoryFiles({ contents: { a: 'x'.repeat(50_000) }, limits: { bytes: 10_000 } }), {
    instanceOf: UsageError,
    message: /nospc/,
  });
  t.throws(() => memoryFiles({ limits: { bytes: -1 } }), { instanceOf: UsageError });
  t.throws(() => memoryFiles({ content: {} } as never), { instanceOf: UsageError });
});

test('nothing of an image can be changed', (t) => {
  const { root } = imageFiles(contents).create(surroundings());
  refusesChanges(t, root, 'c', 'empty');
  fails(t, 'rofs', () => root.lookup('c').write(0, Uint8Array.of(1)), 'a node that was opened to be read');
  fails(t, 'exist', () => mkdirAt(root, 'a'));
  fails(t, 'noent', () => unlinkAt(root, 'none'));
});

test('an image is no state: it is given again, the same one', (t) => {
  const source = imageFiles(contents);
  const system = source.create(surroundings());
  const node = openAt(system.root, 'a/b', { follow: false, read: true, write: false });
  const saved = structuredClone(system.save());
  t.deepEqual(saved.blocks, []);
  t.deepEqual(system.send(), saved);
  for (const again of [source, imageFiles(contents)]) {
    const twin = again.restore(saved, surroundings());
    t.is(twin.restoreNode(node.save()).size(), 4);
    t.deepEqual(twin.root.lookup('a').stat(), system.root.lookup('a').stat());
  }
  for (const other of [{ ...contents, c: 'changed' }, {}, { ...contents, d: '' }, { ...contents, l: { symlink: 'c' } }])
    t.throws(() => imageFiles(other).restore(saved, surroundings()), {
      instanceOf: SnapshotError,
      message: /the image of files is another one/,
    });
  t.throws(() => source.restore({ data: null, blocks: [] }, surroundings()), { instanceOf: SnapshotError });
  t.throws(() => source.restore(memoryFiles().create(surroundings()).save(), surroundings()), {
    instanceOf: SnapshotError,
  });
});

test('VMs that begin with the same contents share their bytes until they write', (t) => {
  const source = memoryFiles({ contents: { large: new Uint8Array(200_000).fill(7) } });
  const [a, b] = [source.create(surroundings()), source.create(surroundings())];
  const blocks = () =>
    [a, b].map(
      (system) =>
        new Set(
          system
            .send()
            .blocks.slice(1)
            .map(({ buffer }) => buffer),
        ),
    );
  t.deepEqual(blocks()[0], blocks()[1]);
  const file = openAt(a.root, 'large', { follow: false, read: true, write: true });
  file.write(0, Uint8Array.of(1));
  t.is(textAt(b.root, 'large').charCodeAt(0), 7);
  const [mine, others] = blocks() as [Set<unknown>, Set<unknown>];
  t.true([...others].every((buffer) => mine.has(buffer)));
  t.is(mine.size, others.size + 1, 'one page of its own');
});
