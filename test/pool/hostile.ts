// Modules that take long for what they are: to decode, to check, to compile, to run. Each exports a function `f` without
// parameters. Written as bytes, since no text of them would be reasonable.

const leb = (n: number): number[] => (n < 128 ? [n] : [(n & 127) | 128, ...leb(Math.floor(n / 128))]);
const sleb = (n: number): number[] => {
  const low = n & 127;
  const rest = n >> 7;
  return (rest === 0 && low < 64) || (rest === -1 && low >= 64) ? [low] : [low | 128, ...sleb(rest)];
};

type Bytes = Uint8Array | readonly number[];
const join = (...parts: readonly Bytes[]): Uint8Array => {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
};
const repeat = (part: Bytes, times: number): Uint8Array => {
  const all = new Uint8Array(part.length * times);
  for (let i = 0; i < times; i++) all.set(part, i * part.length);
  return all;
};
const counted = (count: number, items: Bytes): Uint8Array => join(leb(count), items);
const sized = (bytes: Bytes): Uint8Array => join(leb(bytes.length), bytes);
const section = (id: number, contents: Bytes): Uint8Array => join([id], sized(contents));

const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const nothing = [0x60, 0, 0];
const exportF = section(7, [1, 1, 0x66, 0, 0]);
const end = [0x0b];
const zero = [0x41, 0];

/** One function of type 0, whose instructions are given, and a memory of so many pages. */
const moduleOf = (
  code: Bytes,
  { pages = 0, locals = [0] as Bytes, types = counted(1, nothing), funcs = 1, more = [] as Bytes } = {},
): Uint8Array =>
  join(
    header,
    section(1, types),
    section(3, counted(funcs, new Uint8Array(funcs))),
    pages === 0 ? [] : section(5, [1, 0, ...leb(pages)]),
    exportF,
    section(10, counted(funcs, repeat(sized(join(locals, code, end)), funcs))),
    more,
  );

const forever = (code: Bytes): Uint8Array => join([0x03, 0x40], code, [0x0c, 0, 0x0b]);
const nop = [0x01];
const loops = (depth: number, code: Bytes): Uint8Array =>
  join(repeat([0x03, 0x40], depth), code, repeat([0x0b], depth));
const fill = (bytes: number) => [0x41, 0, 0x41, 1, 0x41, ...sleb(bytes), 0xfc, 0x0b, 0];
const spin = forever(nop);

export const hostileModules: Readonly<Record<string, () => Uint8Array>> = {
  spins: () => moduleOf(spin),
  'a large body': () => moduleOf(join(repeat([...zero, 0x1a], 2_000_000), spin)),
  'nested loops': () => moduleOf(forever(loops(5_000, nop))),
  'nested blocks that branch far': () =>
    moduleOf(
      forever(
        join(repeat([0x02, 0x40], 2_000), repeat([...zero, 0x0d, ...leb(1_999)], 100_000), repeat([0x0b], 2_000)),
      ),
    ),
  'many functions': () => moduleOf(spin, { funcs: 500_000 }),
  'many locals': () => moduleOf(spin, { funcs: 5_000, locals: [1, ...leb(50_000), 0x7f] }),
  'many types': () => moduleOf(spin, { types: counted(900_000, repeat(nothing, 900_000)) }),
  'many wide types': () =>
    moduleOf(spin, {
      types: counted(20_000, repeat([0x60, ...leb(500), ...repeat([0x7f], 500), 0], 20_000)).slice(),
      funcs: 1,
    }),
  'large branch tables': () =>
    moduleOf(forever(repeat([...zero, 0x0e, ...leb(5_000), ...repeat([0], 5_000), 0, 0x0b, 0x03, 0x40], 100))),
  'operands at landings': () =>
    moduleOf(forever(join(repeat([...zero], 2_000), repeat([0x03, 0x40, 0x0b], 2_000), repeat([0x1a], 2_000)))),
  'memory is filled': () => moduleOf(forever(fill(2 ** 26)), { pages: 1024 }),
  'a large memory, dense': () => moduleOf(join(fill(2 ** 29), spin), { pages: 8192 }),
  'all memory there is': () => moduleOf(spin, { pages: 65536 }),
  'memory grows': () => moduleOf(forever([0x41, 1, 0x40, 0, 0x1a]), { pages: 1 }),
  'deep recursion': () => moduleOf([0x10, 0, 0x10, 0]),
  'deep recursion, then spins': () => moduleOf(join([0x10, 0], spin)),
  'a large data segment': () =>
    moduleOf(spin, {
      pages: 512,
      more: section(11, join([1, 0, 0x41, 0, 0x0b], sized(new Uint8Array(2 ** 25).fill(7)))),
    }),
  'a long name': () =>
    moduleOf(spin, {
      more: section(
        0,
        join([4], [0x6e, 0x61, 0x6d, 0x65], [1], sized(join([1, 0], sized(new Uint8Array(2 ** 24).fill(0x61))))),
      ),
    }),
  'many custom sections': () => moduleOf(spin, { more: repeat(section(0, [1, 0x78]), 1_000_000) }),
  'no module': () => new Uint8Array(2 ** 24).fill(0x61),
};
