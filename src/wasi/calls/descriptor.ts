// The calls on descriptors: reading, writing, listing, and what there is to know of one.

import { allFdFlags, dirent, fdFlags, preopenDirectory, timeFlags, writeFdstat } from '../abi.ts';
import { ErrnoError, fail } from '../errno.ts';
import type { FileKind } from '../files/kinds.ts';
import { fileTypes } from '../files/kinds.ts';
import type { FileStat, FileTimes } from '../files/types.ts';
import { type Stretches, sizeOfAll } from '../memory.ts';
import { bitOf, type Right, rights, rightsIn } from '../rights.ts';
import type { Descriptor, FileDescriptor, InputDescriptor, OutputDescriptor } from '../system/descriptors.ts';
import { call, later, type Result, type Scene, safe } from './call.ts';

/** Rights any of which a file is opened for writing with. */
export const writing = rights('fd_write', 'fd_allocate', 'fd_filestat_set_size');

const kindOf = (descriptor: Descriptor): FileKind =>
  descriptor.kind === 'file' ? descriptor.node.kind : descriptor.terminal ? 'character device' : 'unknown';

/** A file that was opened for what the right is about. */
function opened(descriptor: Descriptor, right: number): void {
  if (descriptor.kind === 'file' && descriptor.node.kind === 'directory') fail('isdir');
  if ((descriptor.rights & right) === 0) fail('badf');
}

// Reading.

function read(scene: Scene, fd: number, at: number, count: number, result: number): Result {
  const { system, memory } = scene;
  const descriptor = system.descriptors.with(fd, 'fd_read');
  opened(descriptor, bitOf.fd_read);
  const to = memory.vectors(at, count);
  memory.check(result, 4);
  if (descriptor.kind === 'output') fail('badf');
  if (descriptor.kind === 'input') return readStream(scene, descriptor, to, result);
  const got = readFile(scene, descriptor, descriptor.offset, to);
  descriptor.offset += got;
  scene.copied(got);
  memory.setU32(result, got);
  return undefined;
}

function readStream(scene: Scene, descriptor: InputDescriptor, to: Stretches, result: number): Result {
  const { memory } = scene;
  const { stream, flags } = descriptor;
  if (to.length > 0 && stream.available === undefined) return later(stream.coming, (flags & fdFlags.nonblock) === 0);
  let sum = 0;
  for (let i = 0; i < to.length; i += 2) sum += stream.read(memory.bytes, to[i] as number, to[i + 1] as number);
  scene.copied(sum);
  memory.setU32(result, sum);
  return undefined;
}

function readFile({ memory }: Scene, { node }: FileDescriptor, offset: number, to: Stretches): number {
  let sum = 0;
  for (let i = 0; i < to.length; i += 2) {
    const size = to[i + 1] as number;
    const got = node.read(offset + sum, memory.bytes, to[i], size);
    sum += got;
    if (got < size) break;
  }
  return sum;
}

// Writing.

function write(scene: Scene, fd: number, at: number, count: number, result: number): Result {
  const { system, memory } = scene;
  const descriptor = system.descriptors.with(fd, 'fd_write');
  opened(descriptor, bitOf.fd_write);
  const from = memory.vectors(at, count);
  memory.check(result, 4);
  if (descriptor.kind === 'input') fail('badf');
  if (descriptor.kind === 'output') return writeStream(scene, descriptor, from, result);
  const isAppending = (descriptor.flags & fdFlags.append) !== 0;
  const put = writeFile(scene, descriptor, isAppending ? undefined : descriptor.offset, from);
  scene.copied(put);
  descriptor.offset = isAppending ? descriptor.node.size() : descriptor.offset + put;
  memory.setU32(result, put);
  return undefined;
}

/** All of it: a sink takes what it is given, and says afterwards when it takes more. */
function writeStream(scene: Scene, descriptor: OutputDescriptor, from: Stretches, result: number): Result {
  const { stream, flags } = descriptor;
  const { system, memory } = scene;
  if (stream.busy !== undefined) return later(stream.busy, (flags & fdFlags.nonblock) === 0);
  const size = sizeOfAll(from);
  const { output } = system.limits;
  if (system.written + size > output) scene.overLimit('output', output);
  scene.copied(size);
  stream.write(memory.bytes, from, size);
  memory.setU32(result, size);
  return undefined;
}

/** At the end where no offset is given. What was written before something fails counts. */
function writeFile(scene: Scene, descriptor: FileDescriptor, offset: number | undefined, from: Stretches): number {
  const { bytes } = scene.memory;
  const { node, flags } = descriptor;
  let sum = 0;
  try {
    for (let i = 0; i < from.length; i += 2) {
      const [at, size] = [from[i] as number, from[i + 1] as number];
      const put = offset === undefined ? node.append(bytes, at, size) : node.write(offset + sum, bytes, at, size);
      sum += put;
      if (put < size) break;
    }
  } catch (error) {
    if (sum === 0 || !(error instanceof ErrnoError)) throw error;
  }
  if (sum > 0 && (flags & (fdFlags.sync | fdFlags.dsync)) !== 0) node.sync((flags & fdFlags.sync) === 0);
  return sum;
}

// What there is to know.

const streamStat = (descriptor: Descriptor): FileStat => ({
  ...{ kind: kindOf(descriptor), device: 0n, inode: 0n, links: 1n },
  ...{ size: 0n, accessed: 0n, modified: 0n, changed: 0n },
});

/** What a call with two times and their flags sets. */
export function timesOf({ system }: Scene, accessed: bigint, modified: bigint, flags: number): FileTimes {
  const { atim, atimNow, mtim, mtimNow } = timeFlags;
  const both = (a: number, b: number) => (flags & a) !== 0 && (flags & b) !== 0;
  if (flags > 15 || both(atim, atimNow) || both(mtim, mtimNow)) fail('inval');
  const now = (flags & (atimNow | mtimNow)) === 0 ? 0n : system.clock.realtime();
  return {
    accessed: (flags & atim) !== 0 ? accessed : (flags & atimNow) !== 0 ? now : undefined,
    modified: (flags & mtim) !== 0 ? modified : (flags & mtimNow) !== 0 ? now : undefined,
  };
}

function seek({ system, memory, form }: Scene, fd: number, offset: bigint, whence: number, result: number): void {
  const descriptor = system.descriptors.file(fd, 'fd_seek');
  const { node } = descriptor;
  if (node.kind === 'directory') fail('isdir');
  const from = form.whence[whence] ?? fail('inval');
  const base = from === 'set' ? 0 : from === 'cur' ? descriptor.offset : node.size();
  memory.check(result, 8);
  descriptor.offset = safe(BigInt(base) + BigInt.asIntN(64, offset), 'inval');
  memory.setU64(result, BigInt(descriptor.offset));
}

/** An entry takes longer than a copy of its bytes. */
const entryWeight = 64;
/** What a name takes that a folder of the host is asked for, as if so many bytes were copied: some microseconds. */
const nameWeight = 65_536;

function listDirectory(scene: Scene, fd: number, at: number, size: number, cookie: bigint, result: number) {
  const { system, memory } = scene;
  const { node } = system.descriptors.directory(fd, 'fd_readdir');
  const into = memory.range(at, size);
  memory.check(result, 4);
  let used = 0;
  for (const entry of node.list(cookie, (names) => scene.copied(nameWeight * names))) {
    const bytes = dirent(entry).subarray(0, size - used);
    into.set(bytes, used);
    used += bytes.length;
    // A listing that fills the buffer is not known to be over, whatever the last entry is cut to.
    if (used === size) break;
  }
  scene.copied(entryWeight * used);
  memory.setU32(result, used);
}

function setRights({ system }: Scene, fd: number, wanted: bigint, wantedInheriting: bigint): void {
  const descriptor = system.descriptors.get(fd);
  const [base, inheriting] = [rightsIn(wanted), rightsIn(wantedInheriting)];
  if ((base & ~descriptor.rights) !== 0 || (inheriting & ~descriptor.inheriting) !== 0) fail('notcapable');
  descriptor.barred |= descriptor.rights & ~base;
  descriptor.barredInheriting |= descriptor.inheriting & ~inheriting;
  descriptor.rights = base;
  descriptor.inheriting = inheriting;
}

/** An open regular file for what changes its size. */
function resized({ system }: Scene, fd: number, right: Right) {
  const descriptor = system.descriptors.file(fd, right);
  if (descriptor.node.kind === 'directory') fail('isdir');
  if ((descriptor.rights & writing) === 0) fail('badf');
  return descriptor.node;
}

function preopenOf({ system }: Scene, fd: number): Uint8Array {
  const descriptor = system.descriptors.get(fd);
  if (descriptor.kind !== 'file' || descriptor.preopen === undefined) fail('badf');
  return new TextEncoder().encode(descriptor.preopen);
}

const mostAdvice = 5;

export const descriptorCalls = {
  fd_read: call('i32 i32 i32 i32', read),
  fd_write: call('i32 i32 i32 i32', write),

  fd_pread: call('i32 i32 i32 i64 i32', (scene, fd, at, count, offset, result) => {
    const { system, memory } = scene;
    const descriptor = system.descriptors.file(fd, 'fd_read');
    opened(descriptor, bitOf.fd_read);
    const to = memory.vectors(at, count);
    memory.check(result, 4);
    const got = readFile(scene, descriptor, safe(offset, 'inval'), to);
    scene.copied(got);
    memory.setU32(result, got);
  }),
  fd_pwrite: call('i32 i32 i32 i64 i32', (scene, fd, at, count, offset, result) => {
    const { system, memory } = scene;
    const descriptor = system.descriptors.file(fd, 'fd_write');
    opened(descriptor, bitOf.fd_write);
    const from = memory.vectors(at, count);
    memory.check(result, 4);
    const put = writeFile(scene, descriptor, safe(offset, 'inval'), from);
    scene.copied(put);
    memory.setU32(result, put);
  }),

  fd_seek: call('i32 i64 i32 i32', seek),
  fd_tell: call('i32 i32', ({ system, memory }, fd, result) => {
    const { node, offset } = system.descriptors.file(fd, 'fd_tell');
    if (node.kind === 'directory') fail('isdir');
    memory.setU64(result, BigInt(offset));
  }),

  fd_close: call('i32', ({ system }, fd) => system.descriptors.close(fd)),
  fd_renumber: call('i32 i32', ({ system }, from, to) => system.descriptors.renumber(from, to)),

  fd_sync: call('i32', ({ system }, fd) => {
    const descriptor = system.descriptors.with(fd, 'fd_sync');
    if (descriptor.kind === 'file') descriptor.node.sync(false);
  }),
  fd_datasync: call('i32', ({ system }, fd) => {
    const descriptor = system.descriptors.with(fd, 'fd_datasync');
    if (descriptor.kind === 'file') descriptor.node.sync(true);
  }),
  fd_advise: call('i32 i64 i64 i32', ({ system }, fd, _offset, _size, advice) => {
    system.descriptors.file(fd, 'fd_advise');
    if (advice > mostAdvice) fail('inval');
  }),
  fd_allocate: call('i32 i64 i64', (scene, fd, offset, size) => {
    const node = resized(scene, fd, 'fd_allocate');
    if (size === 0n) fail('inval');
    const end = safe(offset + size, 'fbig');
    const before = node.size();
    node.allocate(Number(offset), Number(size));
    scene.copied(Math.max(0, end - before));
  }),

  fd_fdstat_get: call('i32 i32', ({ system, memory }, fd, result) => {
    const descriptor = system.descriptors.get(fd);
    const { flags, rights: base, inheriting } = descriptor;
    writeFdstat(memory, result, { type: fileTypes[kindOf(descriptor)], flags, base, inheriting });
  }),
  fd_fdstat_set_flags: call('i32 i32', ({ system }, fd, flags) => {
    const descriptor = system.descriptors.with(fd, 'fd_fdstat_set_flags');
    if (flags > allFdFlags) fail('inval');
    descriptor.flags = flags;
  }),
  fd_fdstat_set_rights: call('i32 i64 i64', setRights),

  fd_filestat_get: call('i32 i32', ({ system, memory, form }, fd, result) => {
    const descriptor = system.descriptors.with(fd, 'fd_filestat_get');
    form.writeFilestat(memory, result, descriptor.kind === 'file' ? descriptor.node.stat() : streamStat(descriptor));
  }),
  fd_filestat_set_size: call('i32 i64', (scene, fd, size) => {
    resized(scene, fd, 'fd_filestat_set_size').truncate(safe(size, 'fbig'));
  }),
  fd_filestat_set_times: call('i32 i64 i64 i32', (scene, fd, accessed, modified, flags) => {
    const { node } = scene.system.descriptors.file(fd, 'fd_filestat_set_times');
    node.setTimes(timesOf(scene, accessed, modified, flags));
  }),

  fd_prestat_get: call('i32 i32', (scene, fd, result) => {
    const { length } = preopenOf(scene, fd);
    scene.memory.check(result, 8);
    scene.memory.setU32(result, preopenDirectory);
    scene.memory.setU32(result + 4, length);
  }),
  fd_prestat_dir_name: call('i32 i32 i32', (scene, fd, at, size) => {
    const name = preopenOf(scene, fd);
    if (size < name.length) fail('nametoolong');
    scene.memory.set(at, name);
  }),

  fd_readdir: call('i32 i32 i32 i64 i32', listDirectory),
};
