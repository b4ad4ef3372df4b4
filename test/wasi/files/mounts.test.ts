// File systems side by side in one tree.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { SnapshotError, UsageError } from '../../../src/index.ts';
import { imageFiles } from '../../../src/wasi/files/image/source.ts';
import { memoryFiles } from '../../../src/wasi/files/memory/source.ts';
import { mounts } from '../../../src/wasi/files/mounts/source.ts';
import {
  linkAt,
  mkdirAt,
  openAt,
  renameAt,
  rmdirAt,
  setTimesAt,
  statAt,
  symlinkAt,
  unlinkAt,
} from '../../../src/wasi/files/paths.ts';
import type { FileSource, FileSystem } from '../../../src/wasi/files/types.ts';
import { folderFiles } from '../../../src/wasi/folder/source.ts';
import { fails, names, put, surroundings, textAt } from './made.ts';

const kindAt = (system: FileSystem, path: string) => statAt(system.root, path, true).kind;
const dirAt = (system: FileSystem, path: string) =>
  openAt(system.root, path, { follow: true, read: true, write: false });

const source = (): FileSource =>
  mounts({
    '/': memoryFiles({
      contents: { 'home/text': 'home', 'usr/bin/tool': 'tool', 'usr/lib/covered': '', 'in/covered': '' },
    }),
    '/usr/lib': imageFiles({ 'a.so': 'library', 'deep/b.so': 'deep' }),
    '/in': memoryFiles({ contents: { x: 'input' } }),
    '/not/there/yet': memoryFiles(),
    '/in/within': imageFiles({ y: 'within' }),
  });

test('each covers what is at its path', (t) => {
  const system = source().create(surroundings());
  const { root } = system;
  t.is(textAt(root, 'home/text'), 'home');
  t.is(textAt(root, 'usr/lib/a.so'), 'library');
  t.is(textAt(root, 'usr/bin/tool'), 'tool');
  t.is(textAt(root, 'in/x'), 'input');
  t.is(textAt(root, 'in/within/y'), 'within');
  fails(t, 'noent', () => statAt(root, 'in/covered', false));
  t.deepEqual(names(root), ['.', '..', 'usr', 'in', 'not', 'home']);
  t.deepEqual(names(dirAt(system, 'usr')), ['.', '..', 'lib', 'bin']);
  t.deepEqual(names(dirAt(system, 'in')), ['.', '..', 'within', 'x']);
  t.deepEqual(names(dirAt(system, 'not')), ['.', '..', 'there']);
  t.is(kindAt(system, 'not/there/yet'), 'directory');
});

test('.. and links go through mounts, and not out', (t) => {
  const { root } = source().create(surroundings());
  t.is(textAt(root, 'usr/lib/deep/../../bin/tool'), 'tool');
  t.is(textAt(root, 'not/there/yet/../../../home/text'), 'home');
  symlinkAt('../home/text', root, 'in/link');
  t.is(textAt(root, 'in/link'), 'home');
  fails(t, 'notcapable', () => statAt(root, 'in/within/../../..', false));
  const within = openAt(root, 'in/within', { follow: false, read: true, write: false });
  fails(t, 'notcapable', () => statAt(within, '../x', false));
});

test('a listing goes on behind any of its cookies', (t) => {
  const system = source().create(surroundings());
  for (let i = 0; i < 5; i++) put(system.root, `f${i}`);
  for (const path of ['.', 'usr', 'in', 'not', 'usr/lib']) {
    const dir = dirAt(system, path);
    const all = Array.from(dir.list(0n));
    all.forEach(({ next }, i) => {
      t.deepEqual(
        names(dir, next),
        all.slice(i + 1).map(({ name }) => name),
        `${path} ${i}`,
      );
    });
    for (const { name, inode, kind } of all.slice(2)) t.like(dir.lookup(name).stat(), { inode, kind });
  }
});

test('mounts stay where they are', (t) => {
  const { root } = source().create(surroundings());
  fails(t, 'busy', () => rmdirAt(root, 'in'));
  fails(t, 'busy', () => rmdirAt(root, 'usr'));
  fails(t, 'isdir', () => unlinkAt(root, 'in'));
  fails(t, 'exist', () => mkdirAt(root, 'in'));
  fails(t, 'busy', () => renameAt(root, 'in', root, 'out'));
  mkdirAt(root, 'empty');
  fails(t, 'busy', () => renameAt(root, 'empty', root, 'not'));
  fails(t, 'busy', () => renameAt(root, 'home/text', root, 'in'));
});

test('what is between file systems', (t) => {
  const { root } = source().create(surroundings());
  fails(t, 'xdev', () => renameAt(root, 'home/text', root, 'in/text'));
  fails(t, 'xdev', () => linkAt(root, 'in/x', root, 'x'));
  t.notThrows(() => renameAt(root, 'home/text', root, 'text'), 'from within to a directory with mounts');
  t.notThrows(() => renameAt(root, 'text', root, 'usr/text'));
  t.notThrows(() => renameAt(root, 'usr/text', root, 'home/text'));
  t.notThrows(() => linkAt(root, 'home/text', root, 'usr/second'));
  t.is(textAt(root, 'usr/second'), 'home');
  fails(t, 'rofs', () => put(root, 'usr/lib/new'));
  fails(t, 'rofs', () => mkdirAt(root, 'usr/lib/new'));
  fails(t, 'rofs', () => unlinkAt(root, 'usr/lib/a.so'));
  fails(t, 'rofs', () => mkdirAt(root, 'not/new'), 'what only leads to mounts holds nothing else');
  fails(t, 'rofs', () => setTimesAt(root, 'not', false, { modified: 1n }));
  t.notThrows(() => put(root, 'not/there/yet/new', 'new'));
});

test('no two nodes have the same device and number', (t) => {
  const system = source().create(surroundings());
  const seen = new Set<string>();
  const paths = [
    '.',
    'home',
    'home/text',
    'usr',
    'usr/lib',
    'usr/lib/a.so',
    'in',
    'in/x',
    'in/within',
    'not',
    'not/there',
  ];
  for (const path of paths) {
    const { device, inode } = statAt(system.root, path, false);
    seen.add(`${device} ${inode}`);
  }
  t.is(seen.size, paths.length);
});

for (const how of ['save', 'send'] as const)
  test(`${how}: all of it comes back`, (t) => {
    const system = source().create(surroundings());
    put(system.root, 'in/new', 'new');
    put(system.root, 'usr/new', 'usr');
    const nodes = ['.', 'usr', 'not/there', 'usr/lib', 'in/new', 'usr/lib/a.so', 'home'].map((path) =>
      dirAt(system, path),
    );
    const saved = structuredClone({ files: system[how](), nodes: nodes.map((node) => node.save()) });
    const again = source().restore(saved.files, surroundings());
    t.is(textAt(again.root, 'in/new'), 'new');
    t.is(textAt(again.root, 'usr/new'), 'usr');
    saved.nodes.forEach((node, i) => {
      t.deepEqual(again.restoreNode(node).stat(), nodes[i]?.stat());
    });
    t.is(textAt(again.restoreNode(saved.nodes[1]), 'lib/a.so'), 'library');
    t.deepEqual(names(again.restoreNode(saved.nodes[2])), ['.', '..', 'yet']);
  });

test('a folder among them', (t) => {
  const path = mkdtempSync(join(tmpdir(), 'wasbox-mounts-'));
  t.teardown(() => rmSync(path, { recursive: true }));
  writeFileSync(join(path, 'f'), 'host');
  const make = () =>
    mounts({ '/': memoryFiles(), '/host': folderFiles(path), '/host/image': imageFiles({ i: 'image' }) });
  const around = surroundings();
  const system = make().create(around);
  t.is(textAt(system.root, 'host/f'), 'host');
  t.is(textAt(system.root, 'host/image/i'), 'image');
  const file = dirAt(system, 'host/f');
  const gone = dirAt(system, 'host');
  put(system.root, 'host/gone');
  const saved = structuredClone({
    files: system.save(),
    nodes: [file.save(), gone.save(), dirAt(system, 'host/gone').save()],
  });
  rmSync(join(path, 'gone'));
  const later = surroundings();
  const again = make().restore(saved.files, later);
  t.is(again.restoreNode(saved.nodes[0]).size(), 4);
  t.is(textAt(again.restoreNode(saved.nodes[1]), 'f'), 'host');
  const stale = again.restoreNode(saved.nodes[2]);
  fails(t, 'stale', () => stale.stat());
  t.deepEqual(stale.save(), saved.nodes[2]);
  t.regex(later.notes.join(), /^\/host: "gone" was open/);
  system.dispose();
  again.dispose();
});

test('mounts that cannot be', (t) => {
  for (const paths of [['/a', 'a'], ['/a/', '/a'], ['/..'], ['/a/../b'], ['/a\0']])
    t.throws(() => mounts(Object.fromEntries(paths.map((path) => [path, memoryFiles()]))), { instanceOf: UsageError });
  t.throws(() => mounts({ '/': {} as never }), { instanceOf: UsageError });
});

test('state that was forged, or of other mounts', (t) => {
  const system = source().create(surroundings());
  const files = system.save();
  const refused = (from: FileSource, saved: unknown) =>
    t.throws(() => from.restore(saved as never, surroundings()), { instanceOf: SnapshotError });
  refused(mounts({ '/': memoryFiles() }), files);
  refused(mounts({ '/other': memoryFiles() }), mounts({ '/': memoryFiles() }).create(surroundings()).save());
  refused(source(), { ...files, data: null });
  refused(source(), { ...files, data: { kind: 'mounts', parts: [null, null, null, null, null] } });
  refused(source(), { ...files, blocks: [] });
  for (const node of [
    null,
    1,
    { part: 9, node: 1 },
    { part: -1, node: 99 },
    { part: -1, node: 'map' },
    { part: 'map' },
  ])
    t.throws(() => system.restoreNode(node), { instanceOf: SnapshotError });
});
