// Random sequences of calls: on a system that is saved and restored between them, in either way, all is as on one that is
// not.

import test from 'ava';
import fc from 'fast-check';
import { Guest, rights } from './guest.ts';

const path = fc.oneof(
  fc.constantFrom(
    'a',
    'b',
    'd',
    'd/a',
    'd/b',
    'd/e/f',
    'd/e',
    '..',
    '.',
    'd/..',
    'a/',
    'd/',
    '',
    '/a',
    'link',
    'link/a',
    'x',
  ),
  fc.string({ maxLength: 3 }),
);
const fd = fc.integer({ min: 0, max: 9 });
const small = fc.integer({ min: 0, max: 9000 });

/** A call as a function of a guest; what it comes to, with all that it has written to the memory below 64. */
type Act = (g: Guest) => unknown;
const called = (g: Guest, name: string, ...args: (number | bigint)[]): unknown => {
  const errno = g.ask(name, args);
  return [errno, [...g.memory.range(0, 64)]];
};

const act: fc.Arbitrary<Act> = fc.oneof(
  fc
    .record({
      path,
      flags: fc.integer({ min: 0, max: 15 }),
      base: fc.constantFrom(0n, ...Object.values(rights), 66n),
      fdFlags: fc.constantFrom(0, 1),
    })
    .map(
      ({ path, ...how }): Act =>
        (g) =>
          g.open(path, how),
    ),
  fc.tuple(fd, fc.string({ maxLength: 5000 })).map(
    ([fd, text]): Act =>
      (g) =>
        g.write(fd, text),
  ),
  fc.tuple(fd, small).map(
    ([fd, size]): Act =>
      (g) =>
        g.read(fd, size),
  ),
  fc.tuple(fd, small, fc.constantFrom(0, 1, 2)).map(
    ([fd, at, whence]): Act =>
      (g) =>
        called(g, 'fd_seek', fd, BigInt(at), whence, 8),
  ),
  fc.tuple(fd, small).map(
    ([fd, size]): Act =>
      (g) =>
        called(g, 'fd_filestat_set_size', fd, BigInt(size)),
  ),
  fc.tuple(fd, small, small).map(
    ([fd, at, size]): Act =>
      (g) =>
        called(g, 'fd_allocate', fd, BigInt(at), BigInt(size)),
  ),
  fd.map(
    (fd): Act =>
      (g) =>
        called(g, 'fd_close', fd),
  ),
  fc.tuple(fd, fd).map(
    ([from, to]): Act =>
      (g) =>
        called(g, 'fd_renumber', from, to),
  ),
  fd.map(
    (fd): Act =>
      (g) =>
        called(g, 'fd_filestat_get', fd, 0),
  ),
  fd.map(
    (fd): Act =>
      (g) =>
        called(g, 'fd_fdstat_get', fd, 0),
  ),
  fc.tuple(fd, fc.integer({ min: 0, max: 300 })).map(
    ([fd, size]): Act =>
      (g) =>
        g.list(fd, 0n, size),
  ),
  fc.tuple(fc.constantFrom('path_create_directory', 'path_remove_directory', 'path_unlink_file'), path).map(
    ([name, path]): Act =>
      (g) =>
        called(g, name, 3, ...g.text(path)),
  ),
  fc.tuple(path, path).map(
    ([from, to]): Act =>
      (g) =>
        called(g, 'path_rename', 3, ...g.text(from), 3, ...g.text(to, 2048)),
  ),
  fc.tuple(path, path).map(
    ([from, to]): Act =>
      (g) =>
        called(g, 'path_link', 3, 0, ...g.text(from), 3, ...g.text(to, 2048)),
  ),
  path.map(
    (target): Act =>
      (g) =>
        called(g, 'path_symlink', ...g.text(target), 3, ...g.text('link', 2048)),
  ),
  path.map(
    (path): Act =>
      (g) =>
        called(g, 'path_filestat_get', 3, 1, ...g.text(path), 0),
  ),
  fc.constant<Act>((g) => called(g, 'random_get', 0, 32)),
  fc.constant<Act>((g) => called(g, 'clock_time_get', 0, 0n, 0)),
);

const made = () =>
  new Guest({
    ...{ files: { a: 'text', 'd/b': 'x'.repeat(5000), 'd/e/': '' }, stdin: 'input '.repeat(500) },
    ...{ clock: { start: 10n ** 18n }, random: 1, limits: { descriptors: 10, fileBytes: 200_000 } },
  });

test('saved and restored between calls, a program sees what it would have seen', (t) => {
  fc.assert(
    fc.property(fc.array(fc.tuple(act, fc.constantFrom('stay', 'save', 'send')), { maxLength: 40 }), (acts) => {
      const [whole, hopping] = [made(), made()];
      acts.forEach(([act, how], i) => {
        if (how !== 'stay') hopping.hop(undefined, how as 'save' | 'send');
        t.deepEqual(act(hopping), act(whole), `call ${i}`);
      });
      t.deepEqual(hopping.system.stdout.bytes, whole.system.stdout.bytes);
      t.is(hopping.copied, whole.copied);
    }),
    { numRuns: 200 },
  );
});
