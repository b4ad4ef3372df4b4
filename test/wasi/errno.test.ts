// The numbers of preview 1's errors: https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#errno

import test from 'ava';
import { ErrnoError, errnos, fail, isErrno } from '../../src/wasi/errno.ts';

test('each name has its number', (t) => {
  t.is(Object.keys(errnos).length, 77);
  t.like(errnos, {
    success: 0,
    '2big': 1,
    acces: 2,
    again: 6,
    badf: 8,
    dquot: 19,
    exist: 20,
    ilseq: 25,
    inval: 28,
    isdir: 31,
    nametoolong: 37,
    nfile: 41,
    noent: 44,
    nospc: 51,
    notdir: 54,
    notempty: 55,
    notsup: 58,
    overflow: 61,
    perm: 63,
    pipe: 64,
    rofs: 69,
    spipe: 70,
    stale: 72,
    xdev: 75,
    notcapable: 76,
  });
  t.true(isErrno('loop'));
  t.false(isErrno('toString'));
});

test('what is thrown tells its number, and why', (t) => {
  const cause = new Error('the reason');
  try {
    fail('loop', cause);
  } catch (thrown) {
    t.true(thrown instanceof ErrnoError);
    t.like(thrown, { errno: 'loop', number: 32, cause });
  }
});
