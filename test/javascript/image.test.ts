// Images: what begins with one is what was booted, and one that does not fit is as good as none.

import { isDeepStrictEqual } from 'node:util';
import { concatBytes } from '@noble/hashes/utils.js';
import test from 'ava';
import { LinkError, Module, SnapshotError, UsageError } from '../../src/index.ts';
import { JavaScript, pause, type Tools } from '../../src/javascript/index.ts';
import type { Base } from '../../src/javascript/machine/base.ts';
import { baseIn } from '../../src/javascript/machine/image.ts';
import { keptOf } from '../../src/rewrite/module/code-cache.ts';
import { codeName, rewriteBytes } from '../../src/rewrite/module/module.ts';
import { hashOf } from '../../src/runtime/beneath/sha256.ts';
import { codesOf } from '../../src/validate/module.ts';
import { image, lying, resealed, summedAt } from './images.ts';
import { js as booted, engines, otherEngine, resultOf, tokenOf } from './programs.ts';
import { quickjsBytes } from './quickjs.ts';

const prepared = JavaScript.from(quickjsBytes, { image });

/** What of a base can be compared. */
const told = ({ module, snapshot, image, hash, ...rest }: Base) => ({ ...rest, hash, module: module.hash });

test('a base from an image is the base that was booted', (t) => {
  const base = baseIn(image, quickjsBytes) as Base;
  t.deepEqual(told(base), told(booted.base));
  t.is(hashOf(base.image), hashOf(booted.base.image));
  t.is(hashOf(base.snapshot.encode()), hashOf(booted.base.snapshot.encode()));
});

test('its module is the one that is decoded and validated, as far as anybody asks', (t) => {
  const { module } = prepared.base;
  const whole = Module.from(quickjsBytes);
  t.true(isDeepStrictEqual(module.syntax, whole.syntax));
  t.true(isDeepStrictEqual(module.context, whole.context));
  t.deepEqual(codesOf(module.context), codesOf(whole.context));
  t.is(Module.known(quickjsBytes, hashOf(image), []), undefined);
});

test('its code is there as the rewriter writes it, for plain memories', (t) => {
  const { module } = baseIn(image, quickjsBytes) as Base;
  t.is(keptOf(module, true), undefined);
  t.true(isDeepStrictEqual(keptOf(module, false), rewriteBytes(module, false, codeName(module, false))));
});

const tools: Tools = { ask: () => pause };
const programs = {
  small: 'const list = [ask(1), 2, 3]; list.sort((a, b) => a - b).join()',
  large: 'const all = Array.from({ length: 1e5 }, (_, i) => i); const x = ask(1); x + all.length',
};
const results = { 'r-1': 5 };
const fixed = { id: 'r', tools, clock: { start: 0n }, random: 1 } as const;

for (const engine of engines)
  for (const [name, code] of Object.entries(programs))
    test(`a ${name} program is the same with an image and without: token, fuel, result; ${engine}`, async (t) => {
      const [from, to] = [await prepared.run(code, { ...fixed, engine }), await booted.run(code, { ...fixed, engine })];
      t.true(isDeepStrictEqual(tokenOf(from), tokenOf(to)));
      // Each in the other one of the two forms.
      t.is(tokenOf(from)[4], name === 'small' ? 3 : 1);
      t.is(from.fuel, to.fuel);
      const next = { results, tools, engine: otherEngine[engine] };
      const ends = [await prepared.resume(tokenOf(to), next), await booted.resume(tokenOf(from), next)];
      t.deepEqual(ends[0], ends[1]);
      t.is(typeof resultOf(ends[0] as (typeof ends)[0]), name === 'small' ? 'string' : 'number');
    });

for (const engine of engines)
  test(`the first that is done with an image may be to go on with a token; ${engine}`, async (t) => {
    const token = tokenOf(await booted.run(programs.small, fixed));
    const fresh = JavaScript.from(quickjsBytes, { image });
    for (let i = 0; i < 2; i++) t.is(resultOf(await fresh.resume(token, { results, engine })), '2,3,5');
    t.is(resultOf(await fresh.run('1 + 1', { engine })), 2);
  });

test('an image that is damaged, cut or something else is as good as none', (t) => {
  t.not(baseIn(image, quickjsBytes), undefined);
  const copies: Uint8Array[] = [0, 3, 4, 35, 36, 67, 68, 79, 80, 1000, 200_000, 400_000, image.length - 1].map((at) => {
    const copy = image.slice();
    copy[at] = (copy[at] as number) ^ 1;
    return copy;
  });
  for (const length of [0, 3, 40, 79, 80, 1000, image.length - 1]) copies.push(image.slice(0, length));
  copies.push(new Uint8Array(image.length), concatBytes(image, Uint8Array.of(0)), quickjsBytes);
  for (const [i, copy] of copies.entries()) t.is(baseIn(copy, quickjsBytes), undefined, `copy ${i}`);
});

test('an image of another version, made with something else, or of another QuickJS is as good as none', (t) => {
  for (const at of [3, summedAt]) {
    const copy = image.slice();
    copy[at] = (copy[at] as number) + 1;
    t.is(baseIn(resealed(copy), quickjsBytes), undefined);
  }
  const other = new Uint8Array(quickjsBytes);
  other[other.length - 1] = (other[other.length - 1] as number) ^ 1;
  t.is(baseIn(image, other), undefined);
});

test('QuickJS runs with an image that does not fit', async (t) => {
  const js = JavaScript.from(quickjsBytes, { image: image.slice(0, 5000) });
  t.is(js.base.hash, booted.base.hash);
  t.is(resultOf(await js.run('1 + 1')), 2);
});

test('an image that lies about its memory is another one, and no token of it passes', async (t) => {
  const liar = JavaScript.from(quickjsBytes, { image: lying() });
  t.not(liar.base.hash, booted.base.hash);
  const token = tokenOf(await liar.run(programs.small, fixed));
  await t.throwsAsync(booted.resume(token, { results }), { instanceOf: SnapshotError, message: /another version/ });
  const own = tokenOf(await booted.run(programs.small, fixed));
  await t.throwsAsync(liar.resume(own, { results }), { instanceOf: SnapshotError, message: /another version/ });
});

test('bytes that are not those of QuickJS are told by the first program', async (t) => {
  const bytes = [
    new Uint8Array(0),
    new TextEncoder().encode('hello'),
    quickjsBytes.subarray(0, 1000),
    Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0),
  ];
  for (const wrong of bytes)
    for (const options of [{}, { image }])
      await t.throwsAsync(JavaScript.from(wrong, options).run('1'), { instanceOf: LinkError, message: /quickjs-wasi/ });
});

test('an image must be bytes', (t) => {
  for (const wrong of ['image', 1, null, []])
    t.throws(() => JavaScript.from(quickjsBytes, { image: wrong as never }), { instanceOf: UsageError });
  t.throws(() => JavaScript.from(quickjsBytes, { picture: image } as never), { instanceOf: UsageError });
});
