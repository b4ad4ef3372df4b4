// A folder of the host: what only it has to do with. That it answers as memory does is in beside.test.ts, that nothing leads
// out of it in escape.test.ts.

import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { SnapshotError, UsageError } from '../../../src/index.ts';
import { ErrnoError } from '../../../src/wasi/errno.ts';
import { mkdirAt, openAt, renameAt, setTimesAt, statAt, symlinkAt, unlinkAt } from '../../../src/wasi/files/paths.ts';
import type { FileNode } from '../../../src/wasi/files/types.ts';
import { call } from '../../../src/wasi/folder/host.ts';
import { bestReach, reachByPath } from '../../../src/wasi/folder/reach.ts';
import { folderFiles } from '../../../src/wasi/folder/source.ts';
import { FolderFileSystem } from '../../../src/wasi/folder/system.ts';
import { onSmallDisk, withSmallDisk } from '../../small-disk.ts';
import { fails, how, names, put, refusesChanges, surroundings, textAt } from '../files/made.ts';

function folder(t: ExecutionContext): string {
  const path = fs.mkdtempSync(join(tmpdir(), 'wasbox-folder-'));
  t.teardown(() => fs.rmSync(path, { recursive: true, force: true }));
  return path;
}

function opened(t: ExecutionContext, path = folder(t), reach = bestReach(), readOnly = false) {
  const around = surroundings();
  const system = new FolderFileSystem(path, around, { readOnly, reach });
  t.teardown(() => system.dispose());
  return { path, around, system, root: system.root };
}

/** Files that this process has open below a folder. */
function openIn(path: string): string[] {
  return fs.readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const target = fs.readlinkSync(`/proc/self/fd/${fd}`);
      return target.startsWith(path) ? [target] : [];
    } catch {
      return [];
    }
  });
}

const onLinux = process.platform === 'linux' ? test : test.skip;
const reaches = { 'as the host can': bestReach(), 'by paths': reachByPath };

for (const [name, reach] of Object.entries(reaches)) {
  test(`${name}: what the guest does is on the host, and the other way round`, (t) => {
    const { path, root } = opened(t, undefined, reach);
    mkdirAt(root, 'd');
    put(root, 'd/f', 'from the guest');
    t.is(fs.readFileSync(join(path, 'd/f'), 'utf8'), 'from the guest');
    fs.writeFileSync(join(path, 'd/g'), 'from the host');
    t.is(textAt(root, 'd/g'), 'from the host');
    t.deepEqual(names(root.lookup('d')).sort(), ['.', '..', 'f', 'g']);
  });

  test(`${name}: read-only`, (t) => {
    const path = folder(t);
    fs.writeFileSync(join(path, 'f'), 'text');
    fs.mkdirSync(join(path, 'd'));
    const { root } = opened(t, path, reach, true);
    t.is(textAt(root, 'f'), 'text');
    refusesChanges(t, root, 'f', 'd');
    t.notThrows(() => openAt(root, 'f', how({ create: true })), 'what is there need not be made');
    t.deepEqual(fs.readdirSync(path), ['d', 'f']);
  });

  test(`${name}: what was opened to be read cannot be written`, (t) => {
    const { path, root } = opened(t, undefined, reach);
    put(root, 'f', 'text');
    const file = openAt(root, 'f', how());
    const place = openAt(root, 'f', how({ read: false }));
    const some = Uint8Array.of(1);
    fails(t, 'badf', () => file.write(0, some));
    fails(t, 'badf', () => file.append(some));
    fails(t, 'inval', () => file.truncate(0));
    fails(t, 'badf', () => place.read(0, some));
    fails(t, 'badf', () => place.append(some));
    fails(t, 'badf', () => place.truncate(0));
    t.is(fs.readFileSync(join(path, 'f'), 'utf8'), 'text');
  });

  test(`${name}: times keep nanoseconds`, (t) => {
    const { path, root, system } = opened(t, undefined, reach);
    put(root, 'f');
    const [accessed, modified] = [1_600_000_000_123_456_789n, 1_700_000_000_987_654_321n];
    setTimesAt(root, 'f', false, { accessed, modified });
    t.like(statAt(root, 'f', false), { accessed, modified });
    setTimesAt(root, 'f', false, { modified: modified - 1n });
    t.like(statAt(root, 'f', false), { accessed, modified: modified - 1n });
    const host = fs.statSync(join(path, 'f'), { bigint: true });
    t.true(host.mtimeNs - modified < 2000n && modified - host.mtimeNs < 2000n);
    const again = opened(t, path, reach);
    again.system.restore(structuredClone(system.save()));
    t.like(statAt(again.root, 'f', false), { accessed, modified: modified - 1n }, 'after a restore');
    fs.utimesSync(join(path, 'f'), 5, 6);
    t.like(
      statAt(root, 'f', false),
      { accessed: 5_000_000_000n, modified: 6_000_000_000n },
      'what the host sets is told',
    );
    symlinkAt('f', root, 'l');
    setTimesAt(root, 'l', false, { modified: 77n });
    t.is(statAt(root, 'l', false).modified, 77n);
    t.is(statAt(root, 'l', true).modified, 6_000_000_000n);
    mkdirAt(root, 'd');
    setTimesAt(root, 'd', false, { modified: 99n });
    t.is(statAt(root, 'd', false).modified, 99n);
  });

  test(`${name}: the host's links are not followed out`, (t) => {
    const outside = folder(t);
    fs.writeFileSync(join(outside, 'secret'), 'secret');
    const { path, root } = opened(t, undefined, reach);
    fs.symlinkSync(outside, join(path, 'absolute'));
    fs.symlinkSync(join('..', outside.split('/').at(-1) as string), join(path, 'relative'));
    fs.symlinkSync(join(outside, 'secret'), join(path, 'file'));
    for (const way of ['absolute/secret', 'relative/secret', 'file', 'absolute', 'relative'])
      fails(t, 'notcapable', () => openAt(root, way, how({ follow: true })), way);
    fails(t, 'loop', () => openAt(root, 'file', how()));
    fails(t, 'notcapable', () => openAt(root, 'file', how({ follow: true, create: true, write: true })));
    fails(t, 'inval', () => root.lookup('../secret'));
    fails(t, 'inval', () => root.unlink('../x'));
    t.is(fs.readFileSync(join(outside, 'secret'), 'utf8'), 'secret');
  });

  test(`${name}: what was open is opened again`, (t) => {
    const { path, root, system } = opened(t, undefined, reach);
    mkdirAt(root, 'd');
    put(root, 'd/f', 'text');
    const file = openAt(root, 'd/f', how({ write: true }));
    const dir = openAt(root, 'd', how());
    const again = opened(t, path, reach);
    again.system.restore(structuredClone(system.save()));
    const fileAgain = again.system.restoreNode(structuredClone(file.save()));
    const dirAgain = again.system.restoreNode(structuredClone(dir.save()));
    fileAgain.write(0, new TextEncoder().encode('next'));
    t.is(textAt(root, 'd/f'), 'next');
    t.deepEqual(names(dirAgain), ['.', '..', 'f']);
    t.is(again.system.restoreNode(root.save()).stat().inode, root.stat().inode);
    t.deepEqual(again.around.notes, []);
  });

  test(`${name}: what a listing makes the host read is told, once for each, and the same after a restore`, (t) => {
    const { path, root, system } = opened(t, undefined, reach);
    for (let i = 0; i < 30; i++) put(root, `f${i}`, '');
    const reads: number[] = [];
    const dir = openAt(root, '.', how());
    const part = (node: FileNode, cookie: bigint, most: number): bigint => {
      let [last, count] = [cookie, 0];
      for (const { next } of node.list(cookie, (names) => void reads.push(names))) {
        last = next;
        if (++count === most) break;
      }
      return last;
    };
    let cookie = part(dir, 0n, 10);
    cookie = part(dir, cookie, 10);
    t.deepEqual(reads, [30]);
    const again = opened(t, path, reach);
    again.system.restore(structuredClone(system.save()));
    const dirAgain = again.system.restoreNode(structuredClone(dir.save()));
    t.is(part(dirAgain, cookie, 5), part(dir, cookie, 5));
    const end = part(dirAgain, cookie, 100);
    t.is(part(dir, cookie, 100), end);
    t.deepEqual(reads, [30], 'that it was read again is no matter of the program');
    for (const node of [dir, dirAgain]) {
      part(node, end, 100);
      part(node, 0n, 3);
      part(node, 0n, 3);
      t.deepEqual(reads.splice(0), node === dir ? [30, 30, 30, 30] : [30, 30, 30]);
    }
  });

  test(`${name}: what has gone, or is another file, is stale, and the host is told`, (t) => {
    const { path, root, system } = opened(t, undefined, reach);
    for (const name of ['gone', 'another', 'kind', 'deleted']) put(root, name, name);
    const nodes = ['gone', 'another', 'kind', 'deleted'].map((name) => openAt(root, name, how({ write: true })));
    if (reach.keepsOpen) unlinkAt(root, 'deleted');
    const saved = nodes.map((node) => structuredClone(node.save()));
    if (!reach.keepsOpen) unlinkAt(root, 'deleted');
    fs.rmSync(join(path, 'gone'));
    fs.writeFileSync(join(path, 'other'), 'another one');
    fs.renameSync(join(path, 'other'), join(path, 'another'));
    fs.rmSync(join(path, 'kind'));
    fs.mkdirSync(join(path, 'kind'));
    const again = opened(t, path, reach);
    again.system.restore(structuredClone(system.save()));
    for (const data of saved) {
      const node = again.system.restoreNode(data);
      fails(t, 'stale', () => node.read(0, new Uint8Array(5)));
      fails(t, 'stale', () => node.write(0, new Uint8Array(5)));
      fails(t, 'stale', () => node.stat());
      fails(t, 'stale', () => node.size());
      fails(t, 'stale', () => node.lookup('x'));
      fails(t, 'stale', () => node.list(0n));
      fails(t, 'stale', () => node.sync(false));
      t.deepEqual(node.save(), data, 'and still is when it is saved once more');
    }
    t.is(again.around.notes.length, 4);
    t.regex(
      again.around.notes[0] ?? '',
      /"gone" was open when the program was saved, and cannot be opened again: noent/,
    );
    t.regex(again.around.notes[1] ?? '', /"another" was open .* and is another file now/);
    t.is(fs.readFileSync(join(path, 'another'), 'utf8'), 'another one');
  });
}

onLinux('an open file keeps its place when what is above it is renamed', (t) => {
  const { path, root } = opened(t);
  mkdirAt(root, 'a');
  mkdirAt(root, 'a/b');
  put(root, 'a/b/f', 'text');
  const file = openAt(root, 'a/b/f', how());
  const dir = openAt(root, 'a/b', how());
  renameAt(root, 'a', root, 'c');
  t.is((file.save() as { path: string }).path, 'c/b/f');
  const again = opened(t, path);
  t.is(again.system.restoreNode(file.save()).size(), 4);
  t.is(textAt(again.system.restoreNode(dir.save()), 'f'), 'text');
});

onLinux('pipes and devices are never opened', (t) => {
  const { path, root } = opened(t);
  execFileSync('mkfifo', [join(path, 'pipe')]);
  fails(t, 'acces', () => openAt(root, 'pipe', how({ write: true })));
  t.is(statAt(root, 'pipe', false).kind, 'unknown');
  t.notThrows(() => unlinkAt(root, 'pipe'));
  const devices = opened(t, '/dev', bestReach(), true);
  t.is(statAt(devices.root, 'null', false).kind, 'character device');
  fails(t, 'acces', () => openAt(devices.root, 'null', how()));
});

onLinux('names that are no UTF-8 are left out', (t) => {
  const { path, root } = opened(t);
  fs.writeFileSync(Buffer.concat([Buffer.from(`${path}/`), Buffer.from([0x66, 0xff])]), '');
  put(root, 'ä');
  t.deepEqual(names(root), ['.', '..', 'ä']);
});

onLinux('nothing stays open that was released, and nothing at all once it is disposed of', (t) => {
  const { path, root, system } = opened(t);
  const before = openIn(path).length;
  mkdirAt(root, 'a');
  symlinkAt('a', root, 'l');
  put(root, 'a/f', 'x');
  for (const way of ['a/f', 'l/f', 'l/../a/./f', 'a/none', 'a/f/x', '../x', 'l/', 'l'])
    for (const more of [{}, { write: true }, { create: true, exclusive: true }, { directory: true }, { follow: true }])
      try {
        openAt(root, way, how(more)).release();
      } catch (thrown) {
        t.true(thrown instanceof ErrnoError);
      }
  const file = openAt(root, 'a/f', how({ write: true }));
  file.append(Uint8Array.of(1));
  file.sync(true);
  openAt(root, 'a', how()).sync(false);
  file.release();
  t.is(openIn(path).length, before + 1, 'the directory that was not released');
  openAt(root, 'a/f', how());
  system.dispose();
  t.deepEqual(openIn(path), []);
});

onLinux('appending goes to where the file ends by then', (t) => {
  const { path, root } = opened(t);
  put(root, 'f', 'one');
  const file = openAt(root, 'f', how({ write: true }));
  fs.appendFileSync(join(path, 'f'), ' two');
  file.append(new TextEncoder().encode(' three'));
  t.is(textAt(root, 'f'), 'one two three');
  file.write(0, new TextEncoder().encode('ONE'));
  t.is(textAt(root, 'f'), 'ONE two three', 'and writing still goes where it is told');
});

test('a folder that vanishes', (t) => {
  const { path, root } = opened(t);
  put(root, 'f', 'text');
  fs.rmSync(path, { recursive: true });
  fails(t, 'noent', () => put(root, 'g'));
  fails(t, 'noent', () => mkdirAt(root, 'd'));
  fails(t, 'noent', () => statAt(root, 'f', false));
  t.deepEqual(names(root), []);
});

test('what the host says is told by its errno', (t) => {
  const bug = new TypeError('a bug of ours');
  const thrown = t.throws(() =>
    call(() => {
      throw bug;
    }),
  );
  t.is(thrown, bug);
  for (const [code, errno] of Object.entries({
    ENOSPC: 'nospc',
    EDQUOT: 'dquot',
    EMFILE: 'mfile',
    EACCES: 'acces',
    EROFS: 'rofs',
    EOPNOTSUPP: 'notsup',
    EWOULDBLOCK: 'again',
    EUNHEARDOF: 'io',
    ERR_INVALID_ARG_VALUE: 'inval',
  }))
    fails(
      t,
      errno,
      () =>
        call(() => {
          throw Object.assign(new Error(), { code });
        }),
      code,
    );
});

withSmallDisk('a disk that is full', (t) => {
  const path = folder(t);
  const script = fileURLToPath(new URL('./full.ts', import.meta.url));
  const tsx = new URL('../../tsx.mjs', import.meta.url).href;
  const command = onSmallDisk(path, process.execPath, `--import=${tsx}`, script, path);
  const told = JSON.parse(execFileSync(...command, { encoding: 'utf8' }));
  t.like(told, { end: 'nospc', append: 'nospc', first: 'first', again: 'ok' });
  t.true(told.written > 30_000 && told.written < 65_536);
  t.is(told.size, told.written, 'what was written is what is there');
});

test('folders that there are not', (t) => {
  const path = folder(t);
  fs.writeFileSync(join(path, 'f'), '');
  t.throws(() => folderFiles(join(path, 'none')), {
    instanceOf: UsageError,
    message: /none" cannot be opened: there is no such folder/,
  });
  t.throws(() => folderFiles(join(path, 'f')), { instanceOf: UsageError, message: /it is no folder/ });
  t.throws(() => folderFiles(5 as never), { instanceOf: UsageError });
  t.throws(() => folderFiles(path, { readonly: true } as never), { instanceOf: UsageError });
  t.notThrows(() => folderFiles(path).create(surroundings()).dispose());
});

test('state that was forged', (t) => {
  const path = folder(t);
  fs.mkdirSync(join(path, 'inside'));
  fs.writeFileSync(join(path, 'secret'), 'secret');
  const source = folderFiles(join(path, 'inside'));
  const restored = (data: unknown) => source.restore({ data, blocks: [] }, surroundings());
  for (const data of [null, {}, { kind: 'memory' }, { kind: 'folder' }, { kind: 'folder', times: [[1]] }])
    t.throws(() => restored(data), { instanceOf: SnapshotError });
  t.throws(() => restored({ kind: 'folder', times: [['1 1', 1n, 1n, 1n, -1n]] }), { instanceOf: SnapshotError });
  const system = restored({ kind: 'folder', times: [] });
  t.teardown(() => system.dispose());
  const good = { path: 'f', inode: 1n, born: 1n, kind: 'file', read: true, write: true, listing: false };
  for (const wrong of [
    null,
    {},
    { ...good, path: '../secret' },
    { ...good, path: '/etc/passwd' },
    { ...good, path: 'a//b' },
    { ...good, path: 'a\0' },
    { ...good, path: 5 },
    { ...good, inode: 1 },
    { ...good, kind: 'toString' },
    { ...good, read: 'yes' },
    { ...good, listing: 1 },
  ])
    t.throws(() => system.restoreNode(wrong), { instanceOf: SnapshotError });
  fs.symlinkSync('../secret', join(path, 'inside/link'));
  const { ino, birthtimeNs } = fs.statSync(join(path, 'secret'), { bigint: true });
  const node: FileNode = system.restoreNode({ ...good, path: 'link', inode: ino, born: birthtimeNs });
  fails(t, 'stale', () => node.read(0, new Uint8Array(9)));
});
