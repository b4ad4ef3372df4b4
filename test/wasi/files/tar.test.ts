// Tarballs as contents of files.

import { execFileSync } from 'node:child_process';
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { packTar, type TarHeader } from 'modern-tar';
import { UsageError } from '../../../src/index.ts';
import { imageFiles } from '../../../src/wasi/files/image/source.ts';
import { tarContents } from '../../../src/wasi/files/image/tar.ts';
import { statAt } from '../../../src/wasi/files/paths.ts';
import { fails, names, surroundings, textAt } from './made.ts';

const long = `${'long/'.repeat(30)}${'name'.repeat(40)}`;

test('what tar makes', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wasbox-tar-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'in/usr/bin'), { recursive: true });
  mkdirSync(join(folder, 'in', long, '..'), { recursive: true });
  writeFileSync(join(folder, 'in/usr/bin/tool'), 'tool');
  writeFileSync(join(folder, 'in', long), 'long');
  writeFileSync(join(folder, 'in/ä'), '');
  linkSync(join(folder, 'in/usr/bin/tool'), join(folder, 'in/usr/bin/other'));
  symlinkSync('usr/bin', join(folder, 'in/bin'));
  symlinkSync('/usr/bin/tool', join(folder, 'in/usr/absolute'));
  utimesSync(join(folder, 'in/usr/bin/tool'), 1000, 1_500_000_000);
  for (const options of [['--format=gnu'], ['--format=pax'], ['--format=gnu', '-z'], ['--format=pax', '-z']]) {
    const path = join(folder, 'out.tar');
    execFileSync('tar', ['-C', join(folder, 'in'), ...options, '-cf', path, '.']);
    const { root } = imageFiles(await tarContents(readFileSync(path))).create(surroundings());
    t.is(textAt(root, 'bin/tool'), 'tool');
    t.is(textAt(root, 'usr/bin/other'), 'tool');
    t.is(textAt(root, 'usr/absolute'), 'tool');
    t.is(textAt(root, long), 'long');
    t.is(textAt(root, 'ä'), '');
    t.is(statAt(root, 'usr/bin/tool', false).modified, 1_500_000_000_000_000_000n);
    t.true(statAt(root, 'usr', false).modified > 1_500_000_000_000_000_000n);
  }
});

const packed = (...headers: Partial<TarHeader>[]): Promise<Uint8Array> =>
  packTar(
    headers.map((header) => ({
      header: { name: 'x', size: 0, ...header },
      body: new Uint8Array(header.size ?? 0).fill(65),
    })),
  );

test('entries of all kinds', async (t) => {
  const tarball = await packed(
    { name: './', type: 'directory' },
    { name: './d/', type: 'directory' },
    { name: 'd/f', size: 3 },
    { name: 'd/./../d/f', size: 5 },
    { name: 'null', type: 'character-device' },
    { name: 'pipe', type: 'fifo' },
    { name: 'd/up', type: 'symlink', linkname: '../d/f' },
    { name: 'd/root', type: 'symlink', linkname: '/' },
    { name: '/absolute', size: 1 },
  );
  const { root } = imageFiles(await tarContents(tarball)).create(surroundings());
  t.deepEqual(names(root), ['.', '..', 'd', 'absolute']);
  t.is(textAt(root, 'd/f'), 'AAAAA', 'the later one');
  t.is(textAt(root, 'd/up'), 'AAAAA');
  t.is(textAt(root, 'd/root/absolute'), 'A');
});

test('links that lead out lead nowhere', async (t) => {
  const tarball = await packed({ name: 'd/out', type: 'symlink', linkname: '../../etc/passwd' });
  const { root } = imageFiles(await tarContents(tarball)).create(surroundings());
  fails(t, 'notcapable', () => statAt(root, 'd/out', true));
});

test('what is no tarball, or no good one', async (t) => {
  const refused = async (bytes: Uint8Array, message: RegExp) =>
    t.throwsAsync(async () => imageFiles(await tarContents(bytes)), { instanceOf: UsageError, message });
  await refused(new Uint8Array(1024).fill(65), /not a tarball/);
  await refused(Uint8Array.of(0x1f, 0x8b, 1, 2), /not a tarball/);
  await refused((await packed({ size: 2000 })).subarray(0, 700), /not a tarball/);
  await refused(await packed({ name: '../x', size: 1 }), /leads out/);
  await refused(await packed({ name: 'a/../../x', size: 1 }), /leads out/);
  await refused(await packed({ type: 'link', linkname: 'none' }), /not there before it/);
  await refused(await packed({ name: 'a', size: 1 }, { name: 'a/b', size: 1 }), /cannot be made: (exist|notdir)/);
  await t.throwsAsync(() => tarContents('text' as never), { instanceOf: UsageError });
});
