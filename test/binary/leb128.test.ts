import test from 'ava';
import fc from 'fast-check';
import { Reader } from '../../src/binary/reader.ts';
import { Writer } from '../../src/binary/writer.ts';
import { malformed, unhex } from './modules.ts';

function written(write: (w: Writer) => void): Uint8Array {
  const w = new Writer(1);
  write(w);
  return w.finish();
}

/** The encoding by its definition, on bigints. https://webassembly.github.io/spec/core/binary/values.html#integers */
function defined(value: bigint, signed: boolean): number[] {
  const last = signed ? value >= -64n && value < 64n : value < 128n;
  const bits = Number(value & 127n);
  return last ? [bits] : [bits | 128, ...defined(value >> 7n, signed)];
}

const lo = (value: bigint) => Number(BigInt.asIntN(32, value));
const hi = (value: bigint) => Number(BigInt.asIntN(32, value >> 32n));
/** Values near all powers of two, where the width changes. */
const near = (low: bigint, high: bigint) =>
  fc.oneof(
    fc.bigInt(low, high),
    fc
      .tuple(fc.integer({ min: 0, max: 64 }), fc.bigInt(-2n, 2n), fc.constantFrom(1n, -1n))
      .map(([power, off, sign]) => sign * (1n << BigInt(power)) + off)
      .filter((value) => value >= low && value <= high),
  );

interface Width {
  readonly range: readonly [bigint, bigint];
  readonly write: (w: Writer, value: bigint) => void;
  readonly read: (r: Reader) => bigint;
}
const widths: Record<string, Width> = {
  u32: { range: [0n, 2n ** 32n - 1n], write: (w, v) => w.u32(Number(v)), read: (r) => BigInt(r.u32()) },
  s32: { range: [-(2n ** 31n), 2n ** 31n - 1n], write: (w, v) => w.s32(Number(v)), read: (r) => BigInt(r.s32()) },
  s33: { range: [-(2n ** 32n), 2n ** 32n - 1n], write: (w, v) => w.s33(Number(v)), read: (r) => BigInt(r.s33()) },
  u64: { range: [0n, 2n ** 64n - 1n], write: (w, v) => w.u64(lo(v), hi(v)), read: (r) => r.bigU64() },
  s64: {
    range: [-(2n ** 63n), 2n ** 63n - 1n],
    write: (w, v) => w.s64(lo(v), hi(v)),
    read: (r) => {
      const low = r.s64();
      return (BigInt(r.hi) << 32n) | BigInt(low >>> 0);
    },
  },
};

for (const [name, { range, write, read }] of Object.entries(widths))
  test(`${name}: written in its shortest form and read back`, (t) => {
    fc.assert(
      fc.property(near(...range), (value) => {
        const bytes = written((w) => write(w, value));
        t.deepEqual([...bytes], defined(value, name.startsWith('s')));
        const r = new Reader(bytes);
        t.is(read(r), value);
        t.is(r.pos, bytes.length);
      }),
      { numRuns: 500, seed: 1 },
    );
  });

const faults: [read: (r: Reader) => unknown, bytes: string, message: string][] = [
  [(r) => r.u32(), '80 80 80 80 80 00', 'integer representation too long (at byte 0x4)'],
  [(r) => r.u32(), '80 80 80 80 10', 'integer too large (at byte 0x4)'],
  [(r) => r.u32(), '80 80', 'unexpected end of section or function (at byte 0x2)'],
  [(r) => r.s32(), 'ff ff ff ff ff 7f', 'integer representation too long (at byte 0x4)'],
  [(r) => r.s32(), 'ff ff ff ff 4f', 'integer too large (at byte 0x4)'],
  [(r) => r.s33(), 'ff ff ff ff 2f', 'integer too large (at byte 0x4)'],
  [(r) => r.u64(), '80 80 80 80 80 80 80 80 80 02', 'integer too large (at byte 0x9)'],
  [(r) => r.s64(), 'ff ff ff ff ff ff ff ff ff 01', 'integer too large (at byte 0x9)'],
  [(r) => r.s64(), 'ff ff ff ff ff ff ff ff ff ff 7f', 'integer representation too long (at byte 0x9)'],
  [(r) => r.fixed32(), '00 00 00', 'unexpected end of section or function (at byte 0x3)'],
  [(r) => r.name(), '05 61 62', 'length out of bounds (at byte 0x0)'],
  [(r) => r.name(), '02 c3 28', 'malformed UTF-8 encoding (at byte 0x1)'],
  [(r) => r.list('types', (r) => r.u32()), 'ff ff ff ff 0f 00', 'length out of bounds (at byte 0x0)'],
];
for (const [read, bytes, message] of faults)
  test(`${bytes}: ${message}`, (t) => {
    t.is(
      malformed(() => read(new Reader(unhex(bytes)))),
      message,
    );
  });

test('longer forms of a number are read all the same', (t) => {
  t.is(new Reader(unhex('82 80 80 80 00')).u32(), 2);
  t.is(new Reader(unhex('ff ff ff ff 7f')).s32(), -1);
  t.is(new Reader(unhex('80 80 80 80 70')).s33(), -(2 ** 32));
});

test('nothing is read past the end of a part', (t) => {
  const r = new Reader(unhex('01 02 03'), 0, 1);
  t.is(r.u32(), 1);
  t.is(
    malformed(() => r.u32()),
    'unexpected end of section or function (at byte 0x1)',
  );
});

test('a name keeps its byte order mark, and any code point', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (name) => {
      const bytes = written((w) => w.name(`\ufeff${name}`));
      t.is(new Reader(bytes).name(), `\ufeff${name}`);
    }),
    { seed: 2 },
  );
});
