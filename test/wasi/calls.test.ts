// The calls where real hosts go wrong, and where programs feel it.

import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { SnapshotError, UsageError } from '../../src/index.ts';
import { unstable } from '../../src/wasi/abi.ts';
import { calls } from '../../src/wasi/calls/calls.ts';
import { folderFiles, memoryFiles } from '../../src/wasi/node/index.ts';
import { saveSystem } from '../../src/wasi/system/saved.ts';
import { type Entry, Exit, eventsAt, Guest, oflags, rights, subscribe } from './guest.ts';

const guest = (files = {}, more = {}) => new Guest({ files, ...more });
const opened = (g: Guest, ...args: Parameters<Guest['open']>): number => {
  const fd = g.open(...args);
  if (typeof fd === 'string') throw new Error(`${args[0]}: ${fd}`);
  return fd;
};
const rw = rights.read | rights.write;

test('all 46 calls of preview 1 are there', (t) => {
  const names =
    `args_get args_sizes_get clock_res_get clock_time_get environ_get environ_sizes_get fd_advise fd_allocate
    fd_close fd_datasync fd_fdstat_get fd_fdstat_set_flags fd_fdstat_set_rights fd_filestat_get fd_filestat_set_size
    fd_filestat_set_times fd_pread fd_prestat_dir_name fd_prestat_get fd_pwrite fd_read fd_readdir fd_renumber fd_seek
    fd_sync fd_tell fd_write path_create_directory path_filestat_get path_filestat_set_times path_link path_open
    path_readlink path_remove_directory path_rename path_symlink path_unlink_file poll_oneoff proc_exit proc_raise
    random_get sched_yield sock_accept sock_recv sock_send sock_shutdown`.split(/\s+/);
  t.is(names.length, 46);
  t.deepEqual(Object.keys(calls).sort(), names);
});

test('a listing has . and .., and a buffer that is too small is filled to its end', (t) => {
  const g = guest({ a: '', 'b/': '' });
  const { entries, used } = g.list(3) as { entries: Entry[]; used: number };
  t.deepEqual(
    entries.map(({ name, type }) => [name, type]),
    [
      ['.', 3],
      ['..', 3],
      ['a', 4],
      ['b', 3],
    ],
  );
  for (let size = 0; size <= used + 30; size++) {
    const cut = g.list(3, 0n, size) as { entries: Entry[]; used: number };
    t.is(cut.used, Math.min(size, used), `${size}`);
  }
  t.deepEqual(g.list(3, entries[3]?.next), { entries: [], used: 0 });
});

test('a listing goes on from its cookie after a restore, and beside changes', (t) => {
  const names = Array.from({ length: 50 }, (_, i) => `file-${i}`);
  const g = guest(Object.fromEntries(names.map((name) => [name, ''])));
  const seen: string[] = [];
  let cookie = 0n;
  for (let turn = 0; ; turn++) {
    const { entries, used } = g.list(3, cookie, 128) as { entries: Entry[]; used: number };
    seen.push(...entries.map(({ name }) => name));
    cookie = entries.at(-1)?.next ?? cookie;
    if (used < 128) break;
    g.hop(undefined, turn % 2 === 0 ? 'save' : 'send');
    if (turn === 3) t.is(g.call('path_unlink_file', 3, ...g.text('file-0')), 'success');
    if (turn === 5) t.is(g.call('path_unlink_file', 3, ...g.text('file-49')), 'success');
  }
  t.deepEqual(seen, ['.', '..', ...names.slice(0, -1)]);
});

test('a time that is over is told at once, on its own clock, with all else that is due', (t) => {
  const start = 1_000_000_000_000n;
  const poll = (g: Guest, count: number) => {
    const waits = g.ask('poll_oneoff', [0x1000, 0x3000, count, 0]);
    return waits === 'success' ? eventsAt(g, 0x3000, g.memory.u32(0)) : waits;
  };
  const g = guest({}, { clock: { start, step: 1n } });
  subscribe(g, 0x1000, { userdata: 7n, id: 0, timeout: start - 1n, absolute: true });
  subscribe(g, 0x1030, { userdata: 8n, id: 1, timeout: start, absolute: true });
  t.like(poll(g, 2), [{ userdata: 7n, error: 'success', type: 0 }]);
  t.is((poll(g, 2) as unknown[]).length, 1);
  subscribe(g, 0x1030, { userdata: 9n, id: 1, timeout: 0n, absolute: true });
  subscribe(g, 0x1060, { userdata: 10n, fd: 1, type: 'write' });
  subscribe(g, 0x1090, { userdata: 11n, fd: 77, type: 'read' });
  subscribe(g, 0x10c0, { userdata: 12n, id: 9, timeout: 5n });
  t.like(poll(g, 5), [
    { userdata: 7n, error: 'success' },
    { userdata: 9n, error: 'success' },
    { userdata: 10n, error: 'success', type: 2 },
    { userdata: 11n, error: 'badf', type: 1 },
    { userdata: 12n, error: 'inval', type: 0 },
  ]);
  t.is(poll(g, 0), 'inval');
  // One more than a call takes.
  t.is(poll(g, 4097), 'inval');
  g.memory.setU8(0x1008, 3);
  t.is(poll(g, 1), 'inval');

  const live = guest();
  subscribe(live, 0x1000, { userdata: 1n, id: 1, timeout: 60_000_000_000n });
  const waits = live.ask('poll_oneoff', [0x1000, 0x3000, 1, 0]);
  if (typeof waits === 'string') return t.fail(waits);
  t.true((waits.until as number) > Date.now() + 50_000);
  // As if ten seconds had gone by since it began.
  live.system.pollBegan = (live.system.pollBegan as bigint) - 10_000_000_000n;
  live.hop();
  const again = live.ask('poll_oneoff', [0x1000, 0x3000, 1, 0], true);
  if (typeof again === 'string') return t.fail(again);
  t.true((waits.until as number) - (again.until as number) > 5_000, 'from its beginning, not the time once more');
});

test('poll tells how many bytes there are, and where nothing comes any more', async (t) => {
  let give: ((chunk: string | null) => void) | undefined;
  const stdin = () =>
    new Promise<string | null>((resolve) => {
      give = resolve;
    });
  const g = guest({ a: 'text' }, { stdin });
  const a = opened(g, 'a', { base: rights.read });
  subscribe(g, 0x1000, { userdata: 1n, fd: 0, type: 'read' });
  subscribe(g, 0x1030, { userdata: 2n, id: 1, timeout: 3_600_000_000_000n });
  const waits = g.ask('poll_oneoff', [0x1000, 0x3000, 2, 0]);
  if (typeof waits === 'string') return t.fail(waits);
  give?.('hello');
  await Promise.race(waits.events);
  t.is(g.ask('poll_oneoff', [0x1000, 0x3000, 2, 0], true), 'success');
  t.like(eventsAt(g, 0x3000, g.memory.u32(0)), [{ userdata: 1n, bytes: 5n, flags: 0 }]);
  t.is(g.read(0, 3), 'hel');
  t.is(g.read(0), 'lo');
  const more = g.read(0);
  if (typeof more === 'string') return t.fail(more);
  give?.(null);
  await Promise.race(more.events);
  t.is(g.read(0), '');
  t.is(g.call('poll_oneoff', 0x1000, 0x3000, 1, 0), 'success');
  t.like(eventsAt(g, 0x3000, 1), [{ bytes: 0n, flags: 1 }]);
  subscribe(g, 0x1000, { userdata: 1n, fd: a, type: 'read' });
  t.is(g.call('poll_oneoff', 0x1000, 0x3000, 1, 0), 'success');
  t.like(eventsAt(g, 0x3000, 1), [{ bytes: 4n, flags: 0 }]);
});

test('fdstat: the flags are those of WASI, a preopen tells what files below it may have', (t) => {
  const g = guest({ a: '' });
  const stat = (fd: number) => {
    t.is(g.call('fd_fdstat_get', fd, 64), 'success');
    const { memory } = g;
    return [memory.u8(64), memory.u16(66), memory.u64(72), memory.u64(80)] as const;
  };
  const [type, flags, base, inheriting] = stat(3);
  t.deepEqual([type, flags, base & rights.write], [3, 0, 0n]);
  t.is(inheriting & rw, rw);
  for (let bits = 0; bits < 32; bits++) {
    const fd = opened(g, 'a', { base: inheriting & rw, fdFlags: bits });
    t.deepEqual(stat(fd).slice(0, 3), [4, bits, rw]);
    t.is(g.call('fd_fdstat_set_flags', fd, 31 - bits), 'success');
    t.is(stat(fd)[1], 31 - bits);
    t.is(g.call('fd_fdstat_set_flags', fd, 32), 'inval');
    g.call('fd_close', fd);
  }
  const terminals = guest({}, { terminals: ['stdin', 'stderr'] });
  t.deepEqual(
    [0, 1, 2].map((fd) => {
      terminals.call('fd_fdstat_get', fd, 64);
      return terminals.memory.u8(64);
    }),
    [2, 0, 2],
  );
});

test('times keep their nanoseconds', (t) => {
  const g = guest({ a: '' });
  const time = 1_234_567_890_123_456_789n;
  t.is(g.call('path_filestat_set_times', 3, 0, ...g.text('a'), time, time + 1n, 5), 'success');
  g.hop();
  t.is(g.call('path_filestat_get', 3, 0, ...g.text('a'), 64), 'success');
  t.deepEqual([g.memory.u64(64 + 40), g.memory.u64(64 + 48)], [time, time + 1n]);
  for (const flags of [3, 12, 16])
    t.is(g.call('path_filestat_set_times', 3, 0, ...g.text('a'), 0n, 0n, flags), 'inval');
});

test('to close 0, 1 and 2 closes nothing of the host, and their numbers are given again', (t) => {
  const written: string[] = [];
  const g = guest({ a: 'x' }, { stdout: (bytes: Uint8Array) => void written.push(new TextDecoder().decode(bytes)) });
  for (const fd of [0, 1, 2]) {
    t.is(g.call('fd_close', fd), 'success');
    t.is(g.call('fd_close', fd), 'badf');
  }
  t.deepEqual(
    ['a', 'a', 'a', 'a'].map((path) => g.open(path, { base: rights.read })),
    [0, 1, 2, 4],
  );
  t.is(g.read(1), 'x');
  const another = new Guest({ stdout: (bytes) => void written.push(new TextDecoder().decode(bytes)) });
  another.write(1, 'still');
  t.deepEqual(written, ['still']);
});

test('a symbolic link is no way out, followed or not', (t) => {
  const g = guest({ 'in/secret': 's', 'in/deep/': '', 'out/x': '' });
  const dir = opened(g, 'in', { flags: oflags.directory });
  const link = (target: string, path: string) => g.call('path_symlink', ...g.text(target), dir, ...g.text(path, 2048));
  for (const target of ['..', '../out', '../out/x', 'deep/../../out', './../in/secret'])
    t.is(link(target, `to-${target.replaceAll('/', '_')}`), 'success', target);
  t.is(link('/out', 'absolute'), 'notcapable');
  for (const path of ['to-..', 'to-../out', 'to-.._out', 'to-.._out/x', 'to-.._out_x', 'to-deep_.._.._out/x']) {
    for (const follow of [0, 1]) {
      const open = g.open(path, { dir, follow });
      t.true(open === 'notcapable' || open === 'loop', `${path} ${follow}: ${open}`);
      const stat = g.call('path_filestat_get', dir, follow, ...g.text(path), 64);
      t.true(stat === 'notcapable' || (stat === 'success' && g.memory.u8(64 + 16) === 7), `${path} ${follow}: ${stat}`);
    }
  }
  t.is(g.open('../out/x', { dir }), 'notcapable');
  t.is(g.open('deep/../secret', { dir, base: rights.read }), 5);
});

test('paths: the empty one, slashes at the end', (t) => {
  const g = guest({ file: 'x', 'dir/': '' });
  const path = (name: string, value: string, ...rest: number[]) => g.call(name, 3, ...g.text(value), ...rest);
  t.is(g.open(''), 'noent');
  t.is(path('path_create_directory', ''), 'noent');
  t.is(path('path_unlink_file', ''), 'noent');
  t.is(g.open('file/'), 'notdir');
  t.is(path('path_unlink_file', 'file/'), 'notdir');
  t.is(path('path_create_directory', 'new/'), 'success');
  t.is(path('path_remove_directory', 'new/'), 'success');
  t.is(path('path_remove_directory', 'file'), 'notdir');
  t.is(path('path_unlink_file', 'dir'), 'isdir');
  t.is(typeof g.open('dir/'), 'number');
  t.is(g.open('a\0b'), 'inval');
  g.memory.set(1024, new Uint8Array([0xff, 0xfe]));
  t.is(g.call('path_create_directory', 3, 1024, 2), 'ilseq');
});

test('renumbering onto itself keeps it, onto what is not open is badf', (t) => {
  const g = guest({ a: 'x', b: 'y' });
  const [a, b] = [opened(g, 'a', { base: rights.read }), opened(g, 'b', { base: rights.read })];
  t.is(g.call('fd_renumber', a, a), 'success');
  t.is(g.read(a), 'x');
  t.is(g.call('fd_renumber', a, 99), 'badf');
  t.is(g.call('fd_renumber', 99, a), 'badf');
  t.is(g.call('fd_renumber', b, a), 'success');
  t.is(g.read(a), 'y');
  t.is(g.call('fd_close', b), 'badf');
});

test('prestat: a buffer that is shorter is an error, one that is longer is not', (t) => {
  const g = new Guest({ preopens: { '/some/where': memoryFiles() } });
  t.is(g.call('fd_prestat_get', 3, 0), 'success');
  t.deepEqual([g.memory.u32(0), g.memory.u32(4)], [0, 11]);
  t.is(g.call('fd_prestat_dir_name', 3, 64, 10), 'nametoolong');
  t.is(g.call('fd_prestat_dir_name', 3, 64, 12), 'success');
  t.is(new TextDecoder().decode(g.memory.range(64, 11)), '/some/where');
  t.is(g.call('fd_prestat_get', 4, 0), 'badf');
  t.is(g.call('fd_prestat_get', 0, 0), 'badf');
});

test('rights that a program gives up are gone, for what it opens from there too', (t) => {
  const g = guest({ 'd/a': 'x' });
  const stat = (fd: number) => {
    g.call('fd_fdstat_get', fd, 64);
    return [g.memory.u64(72), g.memory.u64(80)] as [bigint, bigint];
  };
  const [base, inheriting] = stat(3);
  const dir = opened(g, 'd', { flags: oflags.directory, base, inheriting });
  t.deepEqual(stat(dir), [base, inheriting]);
  t.is(g.call('fd_fdstat_set_rights', dir, base, inheriting & ~rights.write), 'success');
  t.is(g.call('fd_fdstat_set_rights', dir, base, inheriting), 'notcapable');
  t.is(g.open('a', { dir, base: rw }), 'notcapable');
  const a = opened(g, 'a', { dir, base: rights.read });
  t.is(g.write(a, 'y'), 'notcapable');
  g.hop();
  t.is(g.open('a', { dir, base: rw }), 'notcapable');
  t.is(g.read(a), 'x');
});

test('reading and writing as a file was opened for it', (t) => {
  const g = guest({ a: 'text' });
  const [read, write] = [opened(g, 'a', { base: rights.read }), opened(g, 'a', { base: rights.write })];
  t.is(g.write(read, 'x'), 'badf');
  t.is(g.read(write), '(badf)');
  t.is(g.read(3), '(isdir)');
  t.is(g.write(3, 'x'), 'isdir');
  t.is(g.write(0, 'x'), 'badf');
  t.is(g.read(1), '(badf)');
  t.is(g.read(99), '(badf)');
  t.is(g.write(write, 'T'), 1);
  t.is(g.read(read), 'Text');
  const append = opened(g, 'a', { base: rw, fdFlags: 1 });
  t.is(g.write(append, ' more'), 5);
  t.is(g.call('fd_tell', append, 8), 'success');
  t.is(g.memory.u64(8), 9n);
  t.is(g.read(read), ' more');
  t.is(g.call('fd_seek', read, -100n, 1, 8), 'inval');
  t.is(g.call('fd_seek', read, 0n, 3, 8), 'inval');
  t.is(g.call('fd_seek', 1, 0n, 0, 8), 'spipe');
  t.is(g.call('fd_allocate', read, 0n, 100n), 'badf');
  t.is(g.call('fd_filestat_set_size', write, 2n), 'success');
  t.is(g.call('fd_filestat_set_size', write, 2n ** 63n), 'fbig');
  g.call('fd_seek', read, 0n, 0, 8);
  t.is(g.read(read), 'Te');
});

test('addresses outside of the memory are a fault, and nothing has happened then', (t) => {
  const g = guest({ a: 'x' });
  const end = 2 ** 17;
  const fd = opened(g, 'a', { base: rw });
  g.memory.setU32(16, 8192);
  g.memory.setU32(20, 4);
  t.is(g.call('fd_read', fd, 16, 1, end - 3), 'fault');
  t.is(g.read(fd), 'x', 'it was not read before');
  g.memory.setU32(20, 0xffff_ffff);
  t.is(g.call('fd_write', fd, 16, 1, 0), 'fault');
  t.is(g.call('fd_write', fd, end - 4, 1, 0), 'fault');
  t.is(g.call('fd_write', fd, 16, 1025, 0), 'inval');
  t.is(g.call('path_open', 3, 0, ...g.text('a'), 0, 0n, 0n, 0, end - 2), 'fault');
  t.is(g.call('path_open', 3, 0, end - 1, 2, 0, 0n, 0n, 0, 0), 'fault');
  t.is(g.open('a'), 5, 'no descriptor was lost');
  t.is(g.call('random_get', end - 1, 2), 'fault');
  t.is(g.call('clock_time_get', 0, 0n, end), 'fault');
  t.is(g.call('poll_oneoff', 0, end - 31, 1, 0), 'fault');
  t.is(g.call('fd_readdir', 3, end - 1, 2, 0n, 0), 'fault');
});

test('standard input of each kind', async (t) => {
  const inputs: Record<string, () => unknown> = {
    text: () => 'one two',
    bytes: () => new TextEncoder().encode('one two'),
    iterable: () => ['one', ' ', '', 'two'],
    function: () => {
      const chunks = ['one ', 'two'];
      return () => chunks.shift();
    },
    'function that takes its time': () => {
      const chunks = ['one ', 'two'];
      return async () => chunks.shift() ?? null;
    },
    generator: async function* () {
      yield 'one ';
      yield new TextEncoder().encode('two');
    },
    stream: () => new Response('one two').body,
  };
  for (const [name, input] of Object.entries(inputs)) {
    const g = guest({}, { stdin: input() });
    let all = '';
    for (;;) {
      const got = g.read(0, 3);
      if (typeof got !== 'string') await Promise.race(got.events);
      else if (got === '') break;
      else all += got;
      g.hop();
    }
    t.is(all, 'one two', name);
  }
  const broken = guest(
    {},
    {
      stdin: () => {
        throw new Error('gone');
      },
    },
  );
  t.is(broken.read(0), '(io)');
  const odd = guest({}, { stdin: () => 5 });
  t.is(odd.read(0), '(io)');
  const nonblocking = guest({}, { stdin: () => new Promise(() => {}) });
  t.is(nonblocking.call('fd_fdstat_set_flags', 0, 4), 'success');
  t.is(nonblocking.read(0), '(again)');
});

test('what came while the VM was elsewhere is not lost', async (t) => {
  let give: ((chunk: string) => void) | undefined;
  const stdin = () =>
    new Promise<string>((resolve) => {
      give = resolve;
    });
  const g = guest({}, { stdin });
  const waits = g.read(0);
  if (typeof waits === 'string') return t.fail(waits);
  give?.('text');
  await Promise.race(waits.events);
  g.hop({ files: {}, stdin: 'another' });
  t.is(g.read(0), 'text', 'it went with the state');
});

test('standard output: a writer is told where it is, waits are waits, what fails is told', async (t) => {
  const told: [string, number][] = [];
  let done: (() => void) | undefined;
  const stdout = (bytes: Uint8Array, { offset }: { offset: number }) => {
    told.push([new TextDecoder().decode(bytes), offset]);
    return told.length === 2
      ? new Promise<void>((resolve) => {
          done = resolve;
        })
      : undefined;
  };
  const g = guest({}, { stdout });
  t.is(g.write(1, 'one'), 3);
  g.hop();
  t.is(g.write(1, 'two'), 3);
  const waits = g.write(1, 'three');
  if (typeof waits !== 'object') return t.fail(`${waits}`);
  done?.();
  await Promise.race(waits.events);
  t.is(g.write(1, 'three'), 5);
  t.deepEqual(told, [
    ['one', 0],
    ['two', 3],
    ['three', 6],
  ]);
  for (const [code, errno] of [
    ['EPIPE', 'pipe'],
    ['ENOSPC', 'nospc'],
    ['E', 'io'],
  ] as const) {
    const broken = guest(
      {},
      {
        stderr: () => {
          throw Object.assign(new Error(code), { code });
        },
      },
    );
    t.is(broken.write(2, 'x'), errno);
    t.is(broken.write(2, 'x'), errno);
    t.is(broken.write(1, 'x'), 1);
  }
});

test('web streams and writers of Node take what is written', async (t) => {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const g = guest({}, { stdout: writable });
  t.is(g.write(1, 'through'), 7);
  const reader = readable.getReader();
  t.deepEqual((await reader.read()).value, new TextEncoder().encode('through'));
  const { PassThrough } = await import('node:stream');
  const node = new PassThrough({ highWaterMark: 4 });
  const h = guest({}, { stdout: node });
  t.is(h.write(1, 'more than four'), 14);
  const waits = h.write(1, '!');
  if (typeof waits !== 'object') return t.fail(`${waits}`);
  t.is(node.read().toString(), 'more than four');
  await Promise.race(waits.events);
  t.is(h.write(1, '!'), 1);
  node.destroy(Object.assign(new Error('closed'), { code: 'EPIPE' }));
  await new Promise(setImmediate);
  t.is(h.write(1, 'x'), 'pipe');
});

test('limits: output ends the program, descriptors are mfile', (t) => {
  const g = guest({ a: '' }, { limits: { output: 10, descriptors: 6 } });
  t.is(g.write(1, '12345'), 5);
  t.is(g.write(2, '12345'), 5);
  t.throws(() => g.write(1, '6'), { instanceOf: Exit, message: 'over output 10' });
  t.deepEqual(
    [1, 2, 3].map(() => g.open('a')),
    [4, 5, 'mfile'],
  );
  t.is(g.call('fd_close', 4), 'success');
  t.is(g.open('a'), 4);
  t.throws(() => guest({}, { limits: { fileBytes: 0 } }), { instanceOf: UsageError, message: /no room/ });
});

test('clocks: live ones go on and never back, fixed ones by their step', (t) => {
  const g = guest();
  const time = (id: number) => {
    t.is(g.call('clock_time_get', id, 0n, 0), 'success');
    return g.memory.u64(0);
  };
  t.true(Math.abs(Number(time(0) / 1_000_000n) - Date.now()) < 60_000);
  let last = time(1);
  for (let i = 0; i < 50; i++) {
    if (i % 10 === 0) g.hop();
    const now = time(1);
    t.true(now >= last);
    last = now;
  }
  // As on a machine whose clock is behind.
  const names = ['/'];
  const { data, blocks = [] } = saveSystem(g.system, names, 'save');
  const saved = structuredClone(data) as { clock: { last: bigint } };
  saved.clock.last += 10n ** 15n;
  t.notThrows(() => g.restore({ data: saved, blocks }));
  t.true(time(1) >= last + 10n ** 15n);
  t.is(g.call('clock_time_get', 4, 0n, 0), 'inval');

  const fixed = guest({}, { clock: { start: new Date(5), step: 10n }, random: 7 });
  const seen = [0, 1, 0].map((id) => {
    fixed.call('clock_time_get', id, 0n, 0);
    return fixed.memory.u64(0);
  });
  t.deepEqual(seen, [5_000_000n, 10n, 5_000_020n]);
});

test('random numbers of a seed are the same each time, and go on after a restore', (t) => {
  const bytes = (hops: boolean, random: number | bigint | 'live' = 42) => {
    const g = guest({}, { random });
    for (let i = 0; i < 10; i++) {
      g.call('random_get', 64 + 10 * i, 10);
      if (hops) g.hop();
    }
    return g.memory.range(64, 100).slice();
  };
  t.deepEqual(bytes(true), bytes(false));
  t.notDeepEqual(bytes(false, 43), bytes(false));
  t.notDeepEqual(bytes(false, 'live'), bytes(false, 'live'));
  t.true(new Set(bytes(false)).size > 60);
});

test('the older form has other structures, and another order of whence', (t) => {
  const g = guest({ a: 'text' });
  g.form = unstable;
  const fd = opened(g, 'a', { base: rights.read });
  t.is(g.call('fd_seek', fd, 0n, 1, 8), 'success');
  t.is(g.memory.u64(8), 4n, '1 is the end');
  t.is(g.call('fd_seek', fd, 1n, 2, 8), 'success');
  t.is(g.memory.u64(8), 1n, '2 is the beginning');
  g.memory.range(64, 64).fill(0xee);
  t.is(g.call('fd_filestat_get', fd, 64), 'success');
  t.deepEqual([g.memory.u8(80), g.memory.u32(84), g.memory.u64(88), g.memory.u8(120)], [4, 1, 4n, 0xee]);
  const at = 0x1000;
  g.memory.range(at, 112).fill(0);
  g.memory.setU64(at, 5n);
  g.memory.setU32(at + 24, 1);
  g.memory.setU64(at + 32, 0n);
  g.memory.setU64(at + 56, 6n);
  g.memory.setU8(at + 64, 2);
  g.memory.setU32(at + 72, 1);
  t.is(g.call('poll_oneoff', at, 0x3000, 2, 0), 'success');
  t.like(eventsAt(g, 0x3000, g.memory.u32(0)), [
    { userdata: 5n, type: 0 },
    { userdata: 6n, type: 2 },
  ]);
});

test('sockets there are none; what cannot be is told as such', (t) => {
  const g = guest();
  t.is(g.call('sock_recv', 0, 0, 0, 0, 0, 0), 'notsup');
  t.is(g.call('sock_send', 1, 0, 0, 0, 0), 'notsup');
  t.is(g.call('sock_accept', 0, 0, 0), 'notsup');
  t.is(g.call('sock_shutdown', 0, 0), 'notsock');
  t.is(g.call('sock_shutdown', 9, 0), 'badf');
  t.is(g.call('proc_raise', 6), 'notsup');
  t.is(g.call('sched_yield'), 'success');
  t.throws(() => g.call('proc_exit', 300), { instanceOf: Exit, message: '300' });
});

test('forged states are refused', (t) => {
  const g = guest({ a: 'x', 'd/': '' });
  opened(g, 'a', { base: rw });
  const { data, blocks = [] } = saveSystem(g.system, ['/'], 'save');
  type Saved = Record<string, unknown> & { descriptors: (Record<string, unknown> & { is: Record<string, unknown> })[] };
  const forge = (change: (saved: Saved) => void) => {
    const saved = structuredClone(data) as Saved;
    change(saved);
    return saved;
  };
  const last = (saved: Saved) => saved.descriptors.at(-1) as Saved['descriptors'][number];
  const forgeries: ((saved: Saved) => void)[] = [
    (s) => delete s.args,
    (s) => (s.args = ['a\0b']),
    (s) => (s.env = [5]),
    (s) => (s.clock = { kind: 'live', began: 0n, last: -1n }),
    (s) => (s.clock = { kind: 'fixed', start: 1, step: 1n, passed: 1n }),
    (s) => (s.random = [1, 2, 3]),
    (s) => (s.random = [1, 2, 3, 2 ** 32]),
    (s) => (s.stdin = { at: -1, ended: true }),
    (s) => (s.stdout = { written: -1, blocks: 0 }),
    (s) => (s.stdout = { written: 2 ** 60, blocks: 0 }),
    (s) => (s.stdout = { written: 0, blocks: 1e9 }),
    (s) => (s.stderr = { written: 0, blocks: -1 }),
    (s) => (s.pollBegan = 5),
    (s) => (s.systems = []),
    (s) => (s.systems = [...(s.systems as []), { name: '/', data: null, blocks: 0 }]),
    (s) => (s.systems = [{ ...(s.systems as [object])[0], name: '/etc' }]),
    (s) => (s.systems = [{ ...(s.systems as [object])[0], data: {} }]),
    (s) => (s.systems = [{ ...(s.systems as [{ blocks: number }])[0], blocks: 0 }]),
    (s) => (s.descriptors = {} as never),
    (s) => (last(s).fd = -1),
    (s) => (last(s).fd = 2 ** 31),
    (s) => (last(s).fd = 0),
    (s) => (last(s).rights = 2 ** 30),
    (s) => (last(s).flags = 32),
    (s) => (last(s).is.offset = -1),
    (s) => (last(s).is.offset = 2 ** 60),
    (s) => (last(s).is.system = 1),
    (s) => (last(s).is.node = 2 ** 20),
    (s) => (last(s).is.node = undefined),
    (s) => (last(s).is.preopen = 5),
    (s) => (last(s).is.kind = 'pipe'),
  ];
  for (const change of forgeries) {
    const error = t.throws(() => g.restore({ data: forge(change), blocks }), undefined, `${change}`);
    t.true(error instanceof SnapshotError, `${change}: ${error}`);
  }
  t.throws(() => g.restore({ data, blocks: [...blocks, new Uint8Array(4096)] }), { instanceOf: SnapshotError });
  t.throws(() => g.restore({ data, blocks: [] }), { instanceOf: SnapshotError });
  t.notThrows(() => g.restore({ data, blocks }));
  const few = new Guest({ files: {}, limits: { descriptors: 4 } });
  t.throws(() => few.restore({ data, blocks }), { instanceOf: SnapshotError, message: /one too many/ });
});

test('what takes long is charged for by its length', (t) => {
  const g = guest({ a: 'x'.repeat(1000) });
  const cost = (...args: Parameters<Guest['call']>) => {
    const before = g.copied;
    t.is(g.call(...args), 'success');
    return g.copied - before;
  };
  t.true(cost('random_get', 0, 100_000) >= 100_000);
  const fd = opened(g, 'a', { base: rw | rights.allocate });
  g.memory.setU32(16, 4096);
  g.memory.setU32(20, 1000);
  t.is(cost('fd_pread', fd, 16, 1, 0n, 0), 1000);
  t.is(cost('fd_pwrite', fd, 16, 1, 500n, 0), 1000);
  t.is(cost('fd_read', fd, 16, 1, 0), 1000);
  t.is(cost('fd_write', 1, 16, 1, 0), 1000);
  t.is(cost('fd_allocate', fd, 0n, 50_000n), 48_500);
  t.true(cost('fd_readdir', 3, 8192, 4096, 0n, 0) > 1000);
  const folder = fs.mkdtempSync(join(tmpdir(), 'wasbox-cost-'));
  t.teardown(() => fs.rmSync(folder, { recursive: true }));
  for (let i = 0; i < 100; i++) fs.writeFileSync(join(folder, `${i}`), '');
  const large = new Guest({ preopens: { '/': folderFiles(folder) } });
  const far = 2n ** 63n;
  for (const [cookie, isRead] of [
    [0n, true],
    [0n, true],
    [far, false],
    [far, true],
  ] as const) {
    const before = large.copied;
    large.call('fd_readdir', 3, 8192, 100, cookie, 0);
    t.is(large.copied - before > 100 * 10_000, isRead, 'where names are read it is all of them');
  }
  t.true(cost('path_filestat_get', 3, 0, ...g.text('./'.repeat(500)), 64) > 1000);
  subscribe(g, 0x1000, { userdata: 1n, fd: 1, type: 'write' });
  t.true(cost('poll_oneoff', 0x1000, 0x3000, 1, 0) > 1000);
});
