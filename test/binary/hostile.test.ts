import test from 'ava';
import { decode } from '../../src/binary/decode.ts';
import { encode } from '../../src/binary/encode.ts';
import { Reader } from '../../src/binary/reader.ts';
import { gofmt, lodepng, malformed, moduleOf, sha256 } from './modules.ts';

/** Numbers in [0, 1), the same ones for the same seed. */
function seeded(seed: number): () => number {
  let state = BigInt(seed);
  return () => {
    state = BigInt.asUintN(64, state * 6364136223846793005n + 1442695040888963407n);
    return Number(state >> 33n) / 2 ** 31;
  };
}

/** One to four flipped bits, or bytes cut off the end, or both. */
function mutate(bytes: Uint8Array, random: () => number): Uint8Array {
  const below = (count: number) => Math.floor(random() * count);
  const kept = random() < 0.2 ? below(bytes.length) : bytes.length;
  const copy = bytes.slice(0, kept);
  const flips = kept === 0 ? 0 : kept < bytes.length ? below(3) : 1 + below(4);
  for (let i = 0; i < flips; i++) {
    // Structure is dense at the start: half of the flips go there.
    const at = below(random() < 0.5 ? kept : Math.min(kept, 600));
    copy[at] = (copy[at] as number) ^ (1 << below(8));
  }
  return copy;
}

const rounds = [
  { ...sha256, count: 8_000 },
  { ...lodepng, count: 1_700 },
  { ...gofmt, count: 300 },
];
for (const [i, { name, bytes, count }] of rounds.entries())
  test(`${count} mutations of ${name} are refused as malformed, or load`, (t) => {
    const random = seeded(i + 1);
    const told = { malformed: 0, loaded: 0 };
    for (let k = 0; k < count; k++) {
      const mutant = mutate(bytes, random);
      // Any other error than a MalformedError gets out and fails the test.
      const message = malformed(() => {
        const module = decode(mutant);
        const encoded = encode(module);
        t.is(decode(encoded).funcs.length, module.funcs.length);
      });
      if (message === undefined) told.loaded++;
      else told.malformed++;
    }
    t.log(told);
    t.true(told.malformed > 0 && told.loaded > 0);
  });

test('a module cut short is malformed, but for cuts between sections before the first function', (t) => {
  const { bytes } = sha256;
  const between: number[] = [];
  const r = new Reader(bytes, 8);
  for (const functionSection = 3; ; ) {
    between.push(r.pos);
    if (r.byte() === functionSection) break;
    r.skip(r.size());
  }
  const loads: number[] = [];
  for (let end = 0; end < bytes.length; end++)
    if (malformed(() => decode(bytes.subarray(0, end))) === undefined) loads.push(end);
  t.deepEqual(loads, between);
});

test('a huge count costs nothing', (t) => {
  const padding = '00'.repeat(1000);
  for (const id of [1, 2, 3, 4, 5, 13, 6, 7, 9, 10, 11]) {
    t.truthy(malformed(() => decode(moduleOf([id, `ff ff ff ff 0f ${padding}`]))));
  }
});
