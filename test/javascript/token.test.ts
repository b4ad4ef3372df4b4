// Tokens: how large they are, forged and sealed ones.

import { concatBytes } from '@noble/hashes/utils.js';
import test from 'ava';
import { deflateSync, inflateSync } from 'fflate';
import { SnapshotError, UsageError, WasboxError } from '../../src/index.ts';
import { ProgramLimitError, pause, type Tools, tokenSeal } from '../../src/javascript/index.ts';
import { Near } from '../../src/javascript/token/near.ts';
import { readStack, toldStack } from '../../src/javascript/token/stack.ts';
import { encodeToken } from '../../src/javascript/token/token.ts';
import { codings, deflate, mostDictionary, unpack } from '../../src/snapshot/container/packing.ts';
import { engines, js, resultOf, tokenOf } from './programs.ts';

const tools: Tools = { ask: () => pause };

/** The most bytes that each may have: what they have today, and a tenth more. */
const sizes: Readonly<Record<string, readonly [code: string, most: number]>> = {
  'a call': ['ask(7)', 1_020],
  'a sleep': ['await new Promise((r) => setTimeout(r, 1e9))', 1_500],
  'a loop': ['let s = 0; for (let i = 0; i < 9; i++) s += ask(i)', 1_800],
  'three calls deep': ['const a = (x) => b(x) + 1, b = (x) => c(x) + 1, c = (x) => ask(x) + 1; a(1)', 2_570],
  'Promise.all': ['await Promise.all([ask.async(1), ask.async(2)])', 2_260],
  'a sort': ['[3, 1, 2].sort((a, b) => ask(a, b))', 2_650],
  'a generator': ['function* g() { yield ask(1); } [...g()]', 2_110],
  'a regular expression': ['"aXbXc".replace(/X/g, (m) => ask(m))', 3_180],
  'a chain of closures': [
    'let f = () => ask(0); for (let i = 0; i < 20; i++) { const g = f; f = () => g() + i; } f()',
    4_096,
  ],
};

test('a program at rest is a few KB at most, a session without one less than one', async (t) => {
  for (const [name, [code, most]] of Object.entries(sizes)) {
    const { length } = tokenOf(await js.run(code, { tools, id: 'r' }));
    t.true(length < most, `${name}: ${length} bytes`);
  }
  const { length } = js.session({ id: 's' }).save();
  t.true(length < 660, `a session: ${length} bytes`);
});

for (const engine of engines)
  test(`${engine}: a token is no larger for the calls that were made before it`, async (t) => {
    const loops = {
      'plain values': 'for (let i = 0; i < 30; i++) ask(1)',
      'values of all kinds': 'for (let i = 0; i < 30; i++) ask(new Map([[{ i: [1, { a: "text" }] }, new Set([2n])]]))',
      'calls at once': 'for (let i = 0; i < 15; i++) await Promise.all([ask.async(i), ask.async(i)])',
      'copies, and what cannot be copied':
        'for (let i = 0; i < 30; i++) { structuredClone({ i }); try { structuredClone(() => {}); } catch {} ask(1); }',
    };
    for (const [name, code] of Object.entries(loops)) {
      const sizeAt = async (call: number) => {
        const answer = (n: number) => (n % 2 === 0 ? { n, list: [n] } : n);
        let called = 0;
        const tools = { ask: () => (++called < call ? answer(called) : pause) };
        return tokenOf(await js.run(code, { engine, tools, id: 'r', random: 1, clock: { start: 0n } })).length;
      };
      const [early, late] = [await sizeAt(4), await sizeAt(28)];
      t.true(late < early * 1.25, `${name}: ${early} bytes, then ${late}`);
    }
  });

test('tokens of other forms, and those beside another dictionary, are refused', async (t) => {
  const token = tokenOf(await js.run('ask({ a: 1 })', { tools, id: 'r' }));
  t.is(token[4], 3);
  for (const form of [0, 2, 4, 255]) {
    const other = token.slice();
    other[4] = form;
    await t.throwsAsync(js.resume(other), { instanceOf: SnapshotError, message: /a form that is not known/ });
  }
  for (const at of [21, 24]) {
    const other = token.slice();
    other[at] = (other[at] as number) ^ 1;
    await t.throwsAsync(js.resume(other), { instanceOf: SnapshotError, message: /another version of wasbox/ });
  }
});

/** Words of all kinds that there are in memories, often near to each other and to their place. */
function* someWords(seed: number): Iterable<number> {
  let state = seed;
  const below = (most: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state % most;
  };
  let last = 0x12_0000;
  for (let at = 0; at < 4_000; at += 4) {
    const kinds = [
      below(2 ** 32),
      below(400),
      last + below(300) - 150,
      last + 8 * below(20) - 80,
      at + below(2_000) - 1_000,
    ];
    last = (below(20) === 0 ? below(1_100) - 0x100_0000 : (kinds[below(kinds.length)] as number)) | 0;
    yield last;
  }
}

test('every word is told by another one, wherever it stands', (t) => {
  for (let seed = 0; seed < 50; seed++)
    for (const from of [0, 0x12_0000, 2 ** 31 - 2_000, 2 ** 32 - 0x100_0000 - 2_000, 2 ** 32 - 2_000, undefined]) {
      const [words, writes, reads] = [[...someWords(seed)], new Near(), new Near()];
      const place = (i: number) => (from === undefined ? undefined : from + 4 * i);
      const told = words.map((word, i) => writes.told(word, place(i)) | 0);
      t.deepEqual(
        told.map((word, i) => reads.read(word, place(i)) | 0),
        words,
      );
    }
});

test('every stack is told by another one, and what is none is refused', (t) => {
  const words = [...someWords(7)];
  const frames = Int32Array.of(3, 9, 0, 5, 1, 2, 5, 1, 12, 5, 1, 22, 5, 2, 32, 5, 2, 32, 7, 2, 40);
  for (const ofFrames of [0, 3, 9, frames.length])
    for (const count of [80, 200]) {
      const [some, slots] = [frames.slice(0, ofFrames), Int32Array.from(words.slice(0, count))];
      t.deepEqual(readStack(toldStack(some, slots), ofFrames), { frames: some, slots });
    }
  for (const wrong of [
    Int32Array.of(3, 9, -1, 5, 1, 3),
    Int32Array.of(3, 9, 4, 5, 1, -1),
    Int32Array.of(3, 9, 0, 5, 1, 90),
  ])
    t.throws(() => readStack(Int32Array.of(...wrong, ...words.slice(0, 20)), wrong.length), {
      instanceOf: SnapshotError,
    });
});

test('what is packed with a dictionary by either packer the other one unpacks', (t) => {
  const bytes = (n: number, seed: number) => Uint8Array.from({ length: n }, (_, i) => (i * i * seed) >> 3);
  const dictionary = bytes(mostDictionary, 7);
  const contents = concatBytes(dictionary.subarray(5_000, 9_000), bytes(300, 11), dictionary.subarray(100, 20_000));
  for (const packed of [deflate(contents, 9, dictionary), deflateSync(contents, { level: 9, dictionary })]) {
    t.true(packed.length < contents.length / 10);
    t.deepEqual(unpack({ coding: codings.deflate, bytes: packed }, contents.length, dictionary), contents);
    t.deepEqual(inflateSync(packed, { dictionary }), contents);
  }
});

test('a large program takes the other form, and goes on as well', async (t) => {
  const code =
    'const list = []; for (let i = 0; i < 20000; i++) list.push({ i, text: "k" + i }); ask(1) + list.length + list[77].text';
  const token = tokenOf(await js.run(code, { tools, id: 'r' }));
  t.is(token[4], 1);
  t.is(resultOf(await js.resume(token, { results: { 'r-1': 1 } })), '20001k77');
});

test('equal programs have equal tokens, whatever the machine was used for before', async (t) => {
  const options = { tools, id: 'same', random: 1, clock: { start: 0n } } as const;
  const code = 'const x = { a: [1, 2, 3] }; ask(x)';
  const one = tokenOf(await js.run(code, options));
  await js.run('const y = new Array(1000).fill("y"); y.join()', options);
  t.deepEqual(tokenOf(await js.run(code, options)), one);
  t.deepEqual(tokenOf(await js.run(code, { ...options, engine: 'interpreter' })), one);
  const { base } = js;
  t.is(encodeToken(base, base.snapshot).length < 200, true);
});

test('a token with any byte changed is refused, or is a program like any other', async (t) => {
  const token = tokenOf(await js.run('ask({ a: 1 })', { tools, id: 'r' }));
  let refused = 0;
  for (let at = 0; at < token.length; at += 13) {
    const forged = token.slice();
    forged[at] = (forged[at] as number) ^ 0x41;
    try {
      await js.resume(forged, { results: { 'r-1': 1 }, limits: { fuel: 5e7, memory: 2 ** 24 } });
    } catch (error) {
      t.true(error instanceof WasboxError, `byte ${at}: ${(error as Error).stack}`);
      refused++;
    }
  }
  t.true(refused > 5);
  for (const length of [0, 3, 20, 25, 100, token.length - 1])
    await t.throwsAsync(js.resume(token.subarray(0, length)), { instanceOf: SnapshotError });
  t.is(resultOf(await js.resume(token, { results: { 'r-1': 5 } })), 5);
});

test('a sealed token is opened by whoever has its key, for its context, in its time', async (t) => {
  const secret = (byte: number) => new Uint8Array(32).fill(byte);
  const [old, current] = [
    { id: 'old', secret: secret(1) },
    { id: 'new', secret: secret(2) },
  ];
  const token = tokenOf(await js.run('ask(1) + 1', { tools, id: 'r' }));
  const before = tokenSeal({ keys: [old] });
  const rotated = tokenSeal({ keys: [current, old] });
  const sealed = await before.seal(token, { context: 'user 7' });
  t.deepEqual(await rotated.open(sealed, { context: 'user 7' }), token);
  t.is(resultOf(await js.resume(await before.open(sealed, { context: 'user 7' }), { results: { 'r-1': 1 } })), 2);
  const refused = (bytes: Uint8Array, message: RegExp, seal = rotated, context = 'user 7') =>
    t.throwsAsync(seal.open(bytes, { context }), { instanceOf: SnapshotError, message });
  await refused(sealed, /another context/, rotated, 'user 8');
  await refused(sealed, /key/, tokenSeal({ keys: [current] }));
  await refused(sealed, /as it was/, tokenSeal({ keys: [{ id: 'old', secret: secret(3) }] }));
  await refused(token, /not a sealed token/);
  await refused(new Uint8Array(0), /not a sealed token/);
  for (let at = 4; at < sealed.length; at += 211) {
    const forged = sealed.slice();
    forged[at] = (forged[at] as number) ^ 1;
    await refused(forged, /./);
  }
  await refused(await before.seal(token, { context: 'user 7', lifetime: 0 }), /time is over/);
  t.notDeepEqual(await before.seal(token), await before.seal(token));
  t.throws(() => tokenSeal({ keys: [] }), { instanceOf: UsageError });
  t.throws(() => tokenSeal({ keys: [{ id: 'x', secret: new Uint8Array(16) }] }), { instanceOf: UsageError });
});

test('a sealed token and a secret may be pieces of a larger buffer, as those of Node mostly are', async (t) => {
  const piece = (bytes: Uint8Array, around: number) => {
    const all = Buffer.alloc(bytes.length + 64, around);
    all.set(bytes, 40);
    return all.subarray(40, 40 + bytes.length);
  };
  const secret = piece(new Uint8Array(32).fill(1), 9);
  const seal = tokenSeal({ keys: [{ id: 'k', secret }] });
  const same = tokenSeal({ keys: [{ id: 'k', secret: new Uint8Array(32).fill(1) }] });
  secret.fill(7); // the seal has its own
  const token = new Uint8Array(100).fill(5);
  const [forever, over] = [await seal.seal(piece(token, 9)), await seal.seal(token, { lifetime: 0 })];
  // Bytes around it that are no time at all, one long ago, and one far off.
  for (const around of [0xff, 0x00, 0x41]) {
    t.deepEqual(await same.open(piece(forever, around)), token);
    await t.throwsAsync(same.open(piece(over, around)), { instanceOf: SnapshotError, message: /time is over/ });
  }
});

for (const engine of engines)
  test(`${engine}: a token tells what it is, and nothing of its program runs`, async (t) => {
    const limits = { fuel: 5_000_000 };
    const tools = { ask: () => pause };
    const waiting = await js.run('ask({ a: 1 }) + 1', { engine, tools, id: 'r' });
    const info = js.inspect(tokenOf(waiting));
    t.like(info, {
      status: 'waiting',
      id: 'r',
      called: 1,
      until: undefined,
      fuel: waiting.fuel,
      memory: js.base.image.length,
    });
    t.deepEqual(info.calls, [{ id: 'r-1', tool: 'ask', args: [{ a: 1 }] }]);
    t.true(info.pages > 0 && info.pages < 100, String(info.pages));
    const both = await js.run('await Promise.all([ask.async(1), ask.async(2)])', { engine, tools, id: 's' });
    t.deepEqual(
      js.inspect(tokenOf(both)).calls.map(({ id }) => id),
      ['s-1', 's-2'],
    );
    const asleep = await js.run('await new Promise((done) => setTimeout(done, 1e9))', { engine });
    t.like(js.inspect(tokenOf(asleep)), { status: 'sleeping', calls: [] });
    const spent = await t.throwsAsync(js.run('for (;;);', { engine, limits }), { instanceOf: ProgramLimitError });
    t.like(js.inspect(spent?.token as Uint8Array), { status: 'running', calls: [] });
    const session = js.session({ engine });
    await session.run('let n = 1');
    t.is(js.inspect(session.save()).status, 'idle');
    session.close();
    t.throws(() => js.inspect(tokenOf(waiting).subarray(0, 100)), { instanceOf: SnapshotError });
    t.throws(() => js.inspect('text' as never), { instanceOf: UsageError });
  });

test('a timer that is never due is waited for, or rests', async (t) => {
  const outcome = await js.run('await new Promise((done) => setTimeout(done, Infinity))');
  t.like(outcome, { status: 'sleeping', until: Number.POSITIVE_INFINITY });
  for (const ms of [1e13, 1e18, 1e300]) {
    const code = `await new Promise((done) => setTimeout(done, ${ms}))`;
    const own = await js.run(code, { clock: { start: 0n }, limits: { time: 20_000 } });
    t.is(own.status, 'sleeping');
    t.is((await js.resume(tokenOf(own), { limits: { time: 20_000 } })).status, 'sleeping');
  }
  const late = await js.run('await new Promise((done) => setTimeout(done, 9e12)); 7', { clock: { start: 0n } });
  t.is(resultOf(late), 7);
});
