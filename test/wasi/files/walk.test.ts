// Where paths lead, and what the calls by path answer: as on Linux, and never out of the directory that they begin at.

import test from 'ava';
import type { ErrnoError } from '../../../src/wasi/errno.ts';
import {
  linkAt,
  mkdirAt,
  type OpenHow,
  openAt,
  readlinkAt,
  renameAt,
  rmdirAt,
  statAt,
  symlinkAt,
  unlinkAt,
} from '../../../src/wasi/files/paths.ts';
import type { FileNode } from '../../../src/wasi/files/types.ts';
import { fails, how, memory, names, outcome, put, textAt, treeOf } from './made.ts';

/** dir/nested/file, and links of all kinds. */
function sample(): FileNode {
  const { root } = memory();
  mkdirAt(root, 'dir');
  mkdirAt(root, 'dir/nested');
  put(root, 'dir/nested/file', 'deep');
  put(root, 'top', 'top');
  for (const [name, target] of Object.entries({
    toTop: 'top',
    toDir: 'dir',
    toDirSlash: 'dir/',
    toNowhere: 'nowhere',
    toItself: 'toItself',
    out: '..',
    outDeep: 'dir/../../top',
    'dir/up': '../top',
    'dir/upAndOut': '../../top',
    toFileSlash: 'top/',
  }))
    symlinkAt(target, root, name);
  return root;
}

const opened = (root: FileNode, path: string, more: Partial<OpenHow> = {}): string =>
  outcome(() => openAt(root, path, how(more)).release());
const kindOf = (root: FileNode, path: string, follow = false): string => {
  try {
    return statAt(root, path, follow).kind;
  } catch (thrown) {
    return (thrown as ErrnoError).errno;
  }
};

test('paths with . and .. and many slashes', (t) => {
  const root = sample();
  t.is(textAt(root, 'dir/.//nested/../../dir/nested/../nested///./file'), 'deep');
  t.is(textAt(root, './top'), 'top');
  t.is(kindOf(root, '.'), 'directory');
  t.is(kindOf(root, 'dir/..'), 'directory');
  t.is(statAt(root, 'dir/..', false).inode, root.stat().inode);
  t.is(kindOf(root, 'top/..'), 'notdir');
  t.is(kindOf(root, 'top/.'), 'notdir');
  t.is(kindOf(root, 'nowhere/..'), 'noent');
});

test('no path leads out', (t) => {
  const root = sample();
  for (const path of ['..', '../', '/', '/top', '//top', '/dir/nested/file', 'dir/../..', 'dir/nested/../../../top'])
    t.is(kindOf(root, path), 'notcapable', path);
  for (const path of ['out', 'out/top', 'outDeep', 'dir/upAndOut', 'toDir/upAndOut', 'out/'])
    t.is(kindOf(root, path, true), 'notcapable', path);
  for (const path of ['out', 'outDeep', 'dir/upAndOut']) t.is(kindOf(root, path), 'symlink', path);
  t.is(textAt(root, 'dir/up'), 'top', 'a link may go up as far as the walk began');
  const dir = openAt(root, 'dir', how());
  t.is(kindOf(dir, 'up', true), 'notcapable', 'and no further');
  t.is(kindOf(dir, '../top'), 'notcapable');
  t.is(opened(root, 'out/new', { create: true, write: true }), 'notcapable');
  fails(t, 'notcapable', () => mkdirAt(root, '../new'));
  fails(t, 'notcapable', () => renameAt(root, 'top', dir, '../new'));
  fails(t, 'notcapable', () => linkAt(root, 'top', dir, '../new'));
  fails(t, 'notcapable', () => symlinkAt('/etc/passwd', root, 'absolute'));
});

test('empty paths, NUL, and what is too long', (t) => {
  const root = sample();
  t.is(kindOf(root, ''), 'noent');
  t.is(opened(root, '', { create: true, write: true }), 'noent');
  t.is(kindOf(root, 'top\0'), 'inval');
  t.is(kindOf(root, 'a'.repeat(255)), 'noent');
  t.is(kindOf(root, 'a'.repeat(256)), 'nametoolong');
  t.is(kindOf(root, 'ä'.repeat(128)), 'nametoolong', 'bytes count');
  t.is(kindOf(root, './'.repeat(2047)), 'directory');
  t.is(kindOf(root, './'.repeat(2048)), 'nametoolong');
  fails(t, 'noent', () => symlinkAt('', root, 'link'));
  fails(t, 'inval', () => symlinkAt('a\0', root, 'link'));
  fails(t, 'nametoolong', () => symlinkAt('a/'.repeat(2048), root, 'link'));
});

test('slashes at the end ask for a directory', (t) => {
  const root = sample();
  t.is(opened(root, 'dir/nested/'), 'ok');
  t.is(opened(root, 'dir/nested///'), 'ok');
  t.is(opened(root, 'top/'), 'notdir');
  t.is(kindOf(root, 'top/'), 'notdir');
  t.is(kindOf(root, 'toDir/'), 'directory', 'and follow a link');
  t.is(kindOf(root, 'toFileSlash', true), 'notdir');
  t.is(kindOf(root, 'toDirSlash', true), 'directory');
  t.is(opened(root, 'new/', { create: true }), 'isdir');
  t.notThrows(() => mkdirAt(root, 'made//'));
  fails(t, 'exist', () => mkdirAt(root, 'toNowhere/'));
  fails(t, 'notdir', () => unlinkAt(root, 'top/'));
  fails(t, 'isdir', () => unlinkAt(root, 'dir/'));
  fails(t, 'notdir', () => unlinkAt(root, 'toDir/'));
  fails(t, 'notdir', () => rmdirAt(root, 'toDir/'));
  t.notThrows(() => rmdirAt(root, 'made/'));
  fails(t, 'notdir', () => rmdirAt(root, 'top/'));
  fails(t, 'noent', () => symlinkAt('x', root, 'new/'));
  fails(t, 'exist', () => symlinkAt('x', root, 'dir/'));
  fails(t, 'noent', () => linkAt(root, 'top', root, 'new/'));
  fails(t, 'notdir', () => linkAt(root, 'top/', root, 'new'));
  fails(t, 'notdir', () => renameAt(root, 'top/', root, 'new'));
  fails(t, 'notdir', () => renameAt(root, 'top', root, 'new/'));
  t.notThrows(() => renameAt(root, 'dir/', root, 'moved/'));
  t.is(textAt(root, 'moved/nested/file'), 'deep');
});

test('what cannot be done by . and ..', (t) => {
  const root = sample();
  fails(t, 'exist', () => mkdirAt(root, '.'));
  fails(t, 'isdir', () => unlinkAt(root, '.'));
  fails(t, 'inval', () => rmdirAt(root, '.'));
  fails(t, 'inval', () => rmdirAt(root, 'dir/.'));
  fails(t, 'notempty', () => rmdirAt(root, 'dir/..'));
  fails(t, 'busy', () => renameAt(root, '.', root, 'x'));
  fails(t, 'busy', () => renameAt(root, 'dir', root, 'dir/.'));
  fails(t, 'perm', () => linkAt(root, '.', root, 'x'));
  fails(t, 'exist', () => symlinkAt('x', root, '.'));
  t.is(opened(root, '.', { create: true }), 'isdir');
});

test('links are followed where that is asked for, or on the way', (t) => {
  const root = sample();
  t.is(opened(root, 'toTop'), 'loop');
  t.is(opened(root, 'toTop', { directory: true }), 'notdir');
  t.is(opened(root, 'toTop', { follow: true }), 'ok');
  t.is(opened(root, 'toTop', { follow: true, directory: true }), 'notdir');
  t.is(opened(root, 'toDir', { follow: true, directory: true }), 'ok');
  t.is(textAt(root, 'toDir/nested/file'), 'deep');
  t.is(opened(root, 'toNowhere', { follow: true }), 'noent');
  t.is(opened(root, 'toItself', { follow: true }), 'loop');
  t.is(opened(root, 'toItself/x'), 'loop');
  t.is(readlinkAt(root, 'toNowhere'), 'nowhere');
  fails(t, 'inval', () => readlinkAt(root, 'top'));
  fails(t, 'inval', () => readlinkAt(root, 'dir'));
  fails(t, 'inval', () => readlinkAt(root, 'toDir/'));
});

test('at most 40 links are followed', (t) => {
  const { root } = memory();
  put(root, '0', 'found');
  for (let i = 1; i <= 41; i++) symlinkAt(`${i - 1}`, root, `${i}`);
  t.is(textAt(root, '40'), 'found');
  t.is(opened(root, '41', { follow: true }), 'loop');
});

test('links that grow by each other end', (t) => {
  const { root } = memory();
  mkdirAt(root, 'd');
  symlinkAt('.', root, 'd/0');
  for (let i = 1; i < 12; i++) symlinkAt(`${i - 1}/${i - 1}/${i - 1}/${i - 1}`, root, `d/${i}`);
  t.is(opened(root, 'd/11', { follow: true }), 'loop');
  symlinkAt('./'.repeat(2000), root, 'wide');
  symlinkAt('wide/wide/wide', root, 'wider');
  t.is(kindOf(root, 'wider', true), 'nametoolong');
});

test('creating, exclusively and through links', (t) => {
  const root = sample();
  t.is(opened(root, 'new'), 'noent');
  t.is(opened(root, 'new', { create: true, exclusive: true }), 'ok');
  t.is(opened(root, 'new', { create: true, exclusive: true }), 'exist');
  t.is(opened(root, 'new', { create: true }), 'ok');
  t.is(opened(root, 'toNowhere', { create: true }), 'loop');
  t.is(opened(root, 'toNowhere', { create: true, exclusive: true, follow: true }), 'exist');
  t.is(opened(root, 'toNowhere', { create: true, follow: true }), 'ok');
  t.is(kindOf(root, 'nowhere'), 'file');
  t.is(opened(root, 'dir', { create: true }), 'isdir');
  t.is(opened(root, 'absent/new', { create: true }), 'noent');
  t.is(opened(root, 'top/new', { create: true }), 'notdir');
  t.is(opened(root, 'x', { create: true, directory: true }), 'inval');
});

test('truncating and access', (t) => {
  const root = sample();
  t.is(opened(root, 'top', { truncate: true }), 'ok');
  t.is(textAt(root, 'top'), '');
  t.is(opened(root, 'dir', { truncate: true }), 'isdir');
  t.is(opened(root, 'dir', { write: true }), 'isdir');
  t.is(opened(root, 'dir', { directory: true, write: true }), 'isdir');
});

test('removing', (t) => {
  const root = sample();
  fails(t, 'notempty', () => rmdirAt(root, 'dir'));
  fails(t, 'notdir', () => rmdirAt(root, 'top'));
  fails(t, 'noent', () => rmdirAt(root, 'absent'));
  fails(t, 'isdir', () => unlinkAt(root, 'dir'));
  fails(t, 'noent', () => unlinkAt(root, 'absent'));
  t.notThrows(() => unlinkAt(root, 'toDir'), 'the link');
  t.notThrows(() => unlinkAt(root, 'dir/nested/file'));
  t.notThrows(() => rmdirAt(root, 'dir/nested'));
  t.deepEqual(names(openAt(root, 'dir', how())), ['.', '..', 'up', 'upAndOut']);
});

test('renaming', (t) => {
  const { root } = memory();
  for (const dir of ['a', 'a/b', 'a/b/c', 'empty', 'full']) mkdirAt(root, dir);
  put(root, 'full/x', 'x');
  put(root, 'file', 'file');
  put(root, 'other', 'other');
  linkAt(root, 'file', root, 'same');
  const renamed = (from: string, to: string) => outcome(() => renameAt(root, from, root, to));
  t.is(renamed('absent', 'x'), 'noent');
  t.is(renamed('a', 'a/b/c/d'), 'inval');
  t.is(renamed('a', 'a'), 'ok');
  t.is(renamed('a', 'a/b'), 'inval');
  t.is(renamed('a/b', 'a'), 'notempty');
  t.is(renamed('a', 'full'), 'notempty');
  t.is(renamed('a', 'file'), 'notdir');
  t.is(renamed('file', 'empty'), 'isdir');
  t.is(renamed('file', 'file'), 'ok');
  t.is(renamed('file', 'same'), 'ok', 'two names of one file: nothing happens');
  t.is(textAt(root, 'file'), 'file');
  t.is(renamed('a', 'empty'), 'ok');
  t.is(kindOf(root, 'a'), 'noent');
  t.is(kindOf(root, 'empty/b/c'), 'directory');
  t.is(renamed('other', 'file'), 'ok');
  t.is(textAt(root, 'file'), 'other');
  t.is(textAt(root, 'same'), 'file');
  t.is(renamed('full', 'empty/b/c/full'), 'ok');
  t.is(textAt(root, 'empty/b/c/full/x'), 'x');
  t.is(renamed('file', 'absent/file'), 'noent');
  t.is(renamed('file', 'same/file'), 'notdir');
});

test('hard links', (t) => {
  const root = sample();
  const linked = (from: string, to: string) => outcome(() => linkAt(root, from, root, to));
  t.is(linked('top', 'dir/other'), 'ok');
  t.is(statAt(root, 'top', false).links, 2n);
  t.is(statAt(root, 'dir/other', false).inode, statAt(root, 'top', false).inode);
  t.is(linked('top', 'top'), 'exist');
  t.is(linked('top', 'dir'), 'exist');
  t.is(linked('top', 'toNowhere'), 'exist');
  t.is(linked('dir', 'x'), 'perm');
  t.is(linked('absent', 'x'), 'noent');
  t.is(linked('toNowhere', 'x'), 'ok', 'the link itself');
  t.is(readlinkAt(root, 'x'), 'nowhere');
  unlinkAt(root, 'top');
  t.is(textAt(root, 'dir/other'), 'top');
  t.is(statAt(root, 'dir/other', false).links, 1n);
});

test('between file systems nothing is renamed or linked', (t) => {
  const a = sample();
  const b = sample();
  fails(t, 'xdev', () => renameAt(a, 'top', b, 'x'));
  fails(t, 'xdev', () => linkAt(a, 'top', b, 'x'));
  t.deepEqual(treeOf(a), treeOf(b));
});

test('a walk begins at a directory, and holds nothing when it is over', (t) => {
  const system = memory();
  const { root } = system;
  mkdirAt(root, 'd');
  put(root, 'd/f');
  const file = openAt(root, 'd/f', how());
  fails(t, 'notdir', () => openAt(file, 'x', how({ create: true })));
  file.release();
  const used = system.used;
  mkdirAt(root, 'd/e');
  for (const path of ['d/e/x', 'd/e/../x', 'd/e/.', 'd/e/../../..', 'd/f/x', 'd/e'])
    outcome(() => openAt(root, path, how({ directory: true })).release());
  rmdirAt(root, 'd/e');
  t.is(system.used, used, 'a directory that was still held would be counted');
});

test('no deeper than a walk can hold', (t) => {
  const { root } = memory({ depth: 1000 });
  mkdirAt(root, 'a');
  let dir: FileNode = root;
  for (let i = 0; i < 300; i++) {
    dir.create(`f${i}`).release();
    if (i > 0) dir.mkdir('a');
    dir = dir.lookup('a');
  }
  t.is(kindOf(root, 'a/'.repeat(257)), 'directory');
  t.is(kindOf(root, 'a/'.repeat(258)), 'nametoolong');
  t.is(kindOf(root, 'a/../'.repeat(300)), 'directory');
});
