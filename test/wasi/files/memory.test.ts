// Files in memory: bytes, times, listings and limits; and that nothing stays that was given back.

import test from 'ava';
import { pageBytes } from '../../../src/wasi/files/memory/pages.ts';
import {
  linkAt,
  mkdirAt,
  openAt,
  renameAt,
  rmdirAt,
  statAt,
  symlinkAt,
  unlinkAt,
} from '../../../src/wasi/files/paths.ts';
import type { FileNode } from '../../../src/wasi/files/types.ts';
import { bytesAt, fails, memory, names, open, outcome, put, textAt } from './made.ts';

const bytes = (length: number, of = (i: number) => i % 251): Uint8Array => Uint8Array.from({ length }, (_, i) => of(i));
function read(file: FileNode, offset: number, length: number): number[] {
  const into = new Uint8Array(length).fill(99);
  return [...into.subarray(0, file.read(offset, into))];
}

test('bytes at any offset', (t) => {
  const { root } = memory();
  const file = open(root, 'f');
  t.is(file.write(0, bytes(10_000)), 10_000);
  t.is(file.size(), 10_000);
  t.deepEqual(read(file, 4090, 12), [...bytes(5000).subarray(4090, 4102)]);
  t.deepEqual(read(file, 9998, 12), [...bytes(10_000).subarray(9998)]);
  t.deepEqual(read(file, 10_000, 5), []);
  t.deepEqual(read(file, 1e15, 5), []);
  t.is(file.write(4095, Uint8Array.of(1, 2, 3)), 3);
  t.deepEqual(read(file, 4094, 5), [4094 % 251, 1, 2, 3, 4098 % 251]);
  t.is(file.append(Uint8Array.of(7)), 1);
  t.deepEqual(read(file, 10_000, 5), [7]);
  t.is(file.write(0, new Uint8Array(0)), 0);
});

test('what was never written is zeros, and takes no room', (t) => {
  const system = memory();
  const file = open(system.root, 'f');
  const used = system.used;
  file.truncate(1_000_000);
  t.is(system.used, used);
  t.deepEqual(read(file, 500_000, 3), [0, 0, 0]);
  file.write(999_999, Uint8Array.of(5));
  t.deepEqual(read(file, 999_997, 5), [0, 0, 5]);
  t.true(system.used < used + 3 * pageBytes);
});

test('what was cut off is gone', (t) => {
  const { root } = memory();
  const file = open(root, 'f');
  file.write(
    0,
    bytes(5000, () => 9),
  );
  file.truncate(4000);
  file.truncate(5000);
  t.deepEqual(read(file, 3999, 3), [9, 0, 0]);
  file.truncate(0);
  file.write(2, Uint8Array.of(8));
  t.deepEqual(read(file, 0, 9), [0, 0, 8]);
});

test('a new file shows nothing of an old one', (t) => {
  const { root } = memory();
  const old = open(root, 'old');
  old.write(
    0,
    bytes(3 * pageBytes, () => 9),
  );
  old.release();
  unlinkAt(root, 'old');
  const file = open(root, 'new');
  file.write(3 * pageBytes, Uint8Array.of(1));
  file.write(100, Uint8Array.of(2));
  t.true(bytesAt(root, 'new').every((byte, i) => byte === (i === 3 * pageBytes ? 1 : i === 100 ? 2 : 0)));
});

test('allocating makes longer, never shorter, and asks for the room', (t) => {
  const { root } = memory({ bytes: 100_000 });
  const file = open(root, 'f');
  file.allocate(0, 100);
  t.is(file.size(), 100);
  file.allocate(10, 10);
  t.is(file.size(), 100);
  file.allocate(90, 20);
  t.is(file.size(), 110);
  fails(t, 'nospc', () => file.allocate(0, 99_000));
  fails(t, 'fbig', () => file.allocate(0, 100_001));
  t.is(file.size(), 110);
});

test('a full file system', (t) => {
  const system = memory({ bytes: 40_000 });
  const { root } = system;
  const file = open(root, 'f');
  const used = system.used;
  const written = file.write(0, bytes(40_000));
  t.true(written > 30_000 && written < 40_000, 'as much as there is room for');
  t.is(written % pageBytes, 0);
  fails(t, 'nospc', () => file.write(written, bytes(1)));
  t.is(file.size(), written);
  t.is(file.write(0, bytes(10)), 10, 'what is there can be written');
  fails(t, 'nospc', () => file.write(39_999, bytes(2)));
  fails(t, 'fbig', () => file.write(40_000, bytes(1)));
  fails(t, 'fbig', () => file.truncate(40_001));
  for (let i = 0; outcome(() => mkdirAt(root, `d${i}`)) === 'ok'; i++) t.true(i < 10);
  fails(t, 'nospc', () => open(root, 'g'));
  fails(t, 'nospc', () => symlinkAt('f', root, 'g'));
  for (let i = 0; outcome(() => linkAt(root, 'f', root, `l${i}`)) === 'ok'; i++) t.true(i < 10);
  fails(t, 'nospc', () => renameAt(root, 'f', root, 'f'.repeat(250)));
  file.truncate(0);
  for (const name of names(root).filter((name) => name.startsWith('d'))) rmdirAt(root, name);
  for (const name of names(root).filter((name) => name.startsWith('l'))) unlinkAt(root, name);
  t.is(system.used, used);
  t.notThrows(() => open(root, 'g'));
});

test('room is given back to the byte', (t) => {
  const system = memory();
  const { root } = system;
  const used = system.used;
  mkdirAt(root, 'd');
  put(root, 'd/f', 'x'.repeat(100_000));
  linkAt(root, 'd/f', root, 'second');
  symlinkAt('d/f', root, 'link');
  renameAt(root, 'second', root, 'd/third-name');
  put(root, 'replaced', 'y'.repeat(10_000));
  renameAt(root, 'replaced', root, 'd/f');
  for (const path of ['d/f', 'd/third-name', 'link']) unlinkAt(root, path);
  rmdirAt(root, 'd');
  t.is(system.used, used);
});

test('limits of nodes and of depth', (t) => {
  const { root } = memory({ nodes: 5, depth: 3 });
  for (const path of ['a', 'a/b', 'a/b/c']) mkdirAt(root, path);
  fails(t, 'nametoolong', () => mkdirAt(root, 'a/b/c/d'));
  put(root, 'f');
  fails(t, 'nospc', () => put(root, 'g'));
  unlinkAt(root, 'f');
  mkdirAt(root, 'x');
  fails(t, 'nametoolong', () => renameAt(root, 'a', root, 'x/a'), 'what is below counts');
  rmdirAt(root, 'a/b/c');
  t.notThrows(() => renameAt(root, 'a', root, 'x/a'));
  fails(t, 'nametoolong', () => mkdirAt(root, 'x/a/b/c'));
  t.notThrows(() => renameAt(root, 'x/a/b', root, 'b'));
  t.notThrows(() => mkdirAt(root, 'x/a/c'));
});

test('a file that has no name any more lives as long as it is held', (t) => {
  const system = memory();
  const { root } = system;
  const used = system.used;
  const file = open(root, 'f');
  file.write(0, bytes(10_000));
  unlinkAt(root, 'f');
  t.is(file.stat().links, 0n);
  t.is(file.write(10_000, bytes(10_000)), 10_000);
  t.deepEqual(read(file, 0, 3), [0, 1, 2]);
  put(root, 'f', 'another');
  t.is(textAt(root, 'f'), 'another');
  t.is(file.size(), 20_000);
  file.release();
  unlinkAt(root, 'f');
  t.is(system.used, used);
});

test('a directory that was removed while it was open', (t) => {
  const { root } = memory();
  mkdirAt(root, 'd');
  const dir = openAt(root, 'd', { follow: false, read: true, write: false });
  rmdirAt(root, 'd');
  mkdirAt(root, 'd');
  fails(t, 'noent', () => mkdirAt(dir, 'x'));
  fails(t, 'noent', () => open(dir, 'x'));
  fails(t, 'noent', () => renameAt(root, 'd', dir, 'x'));
  t.deepEqual(names(dir), []);
  t.is(dir.stat().kind, 'directory');
});

test('times keep nanoseconds, and go on with what happens', (t) => {
  const { root } = memory();
  const file = open(root, 'f');
  const made = file.stat();
  t.is(made.accessed, made.modified);
  file.setTimes({ accessed: 1_234_567_890_123_456_789n, modified: 987_654_321_987_654_321n });
  t.is(file.stat().accessed, 1_234_567_890_123_456_789n);
  t.is(file.stat().modified, 987_654_321_987_654_321n);
  t.true(file.stat().changed > made.changed);
  file.setTimes({ modified: 5n });
  t.is(file.stat().accessed, 1_234_567_890_123_456_789n);
  t.is(file.stat().modified, 5n);
  file.write(0, Uint8Array.of(1));
  t.true(file.stat().modified > 5n);
  const before = root.stat().modified;
  put(root, 'g');
  t.true(root.stat().modified > before);
});

test('a listing goes on behind its cookie, whatever was made and removed', (t) => {
  const { root } = memory();
  for (let i = 0; i < 100; i++) put(root, `f${i}`);
  const first = Array.from(root.list(0n)).slice(0, 40);
  t.deepEqual(
    first.slice(0, 3).map(({ name, kind, inode }) => [name, kind, inode]),
    [
      ['.', 'directory', root.stat().inode],
      ['..', 'directory', root.stat().inode],
      ['f0', 'file', statAt(root, 'f0', false).inode],
    ],
  );
  for (let i = 0; i < 60; i++) unlinkAt(root, `f${i}`);
  put(root, 'late');
  const rest = names(root, first.at(-1)?.next);
  t.deepEqual(rest, [...Array.from({ length: 40 }, (_, i) => `f${60 + i}`), 'late']);
  t.deepEqual(names(root, 1n), ['..', ...rest]);
  t.deepEqual(names(root, 2n ** 64n - 1n), []);
});

test('a listing of a large directory in small pieces looks at each entry a few times at most', (t) => {
  const { root } = memory();
  for (let i = 0; i < 2000; i++) put(root, `f${i}`);
  let cookie = 0n;
  const seen: string[] = [];
  for (;;) {
    const [entry] = root.list(cookie);
    if (entry === undefined) break;
    seen.push(entry.name);
    cookie = entry.next;
    if (entry.name.startsWith('f')) unlinkAt(root, entry.name);
  }
  t.is(new Set(seen).size, 2002);
  t.deepEqual(names(root), ['.', '..']);
});

test('what is not for a kind of node', (t) => {
  const { root } = memory();
  put(root, 'f');
  symlinkAt('f', root, 'l');
  const file = root.lookup('f');
  const link = root.lookup('l');
  for (const act of ['lookup', 'create', 'mkdir', 'unlink', 'rmdir'] as const)
    fails(t, 'notdir', () => file[act]('x'), act);
  fails(t, 'notdir', () => file.list(0n));
  fails(t, 'notdir', () => file.rename('x', root, 'y'));
  fails(t, 'notdir', () => root.rename('f', file, 'y'));
  fails(t, 'isdir', () => root.read(0, new Uint8Array(1)));
  fails(t, 'isdir', () => root.write(0, new Uint8Array(1)));
  fails(t, 'isdir', () => root.truncate(0));
  fails(t, 'isdir', () => root.size());
  fails(t, 'inval', () => link.read(0, new Uint8Array(1)));
  fails(t, 'loop', () => link.open({ read: true, write: false }));
});
