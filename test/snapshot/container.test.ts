// Snapshots as bytes: small, the same for the same data, and worth no trust.

import { readFileSync } from 'node:fs';
import test from 'ava';
import { deflateSync } from 'fflate';
import { type Module, Snapshot, SnapshotError, UsageError, VM } from '../../src/index.ts';
import { newest } from '../../src/snapshot/container/parts.ts';
import { crc32 } from '../../src/snapshot/pages/checksum.ts';
import { moduleOf } from '../wat.ts';
import { container, type Part, partsOf, storedAll, unpacked } from './container.ts';
import { finish, forged, restored, suspended } from './guest.ts';

const encoded = async (): Promise<Uint8Array> => (await suspended()).save().encode();

function refused(bytes: Uint8Array, options = {}): SnapshotError {
  try {
    Snapshot.decode(bytes, options);
  } catch (error) {
    if (error instanceof SnapshotError) return error;
    throw error;
  }
  throw new Error('it was read');
}

/** A VM with one memory of 64 KiB pages, filled by a function of the index of the byte. */
async function filled(pages: number, byte: (i: number) => number): Promise<{ vm: VM; module: Module }> {
  const module = await moduleOf(`(memory (export "m") ${pages})`);
  const vm = new VM();
  const { bytes } = vm.instantiate(module).memory('m');
  for (let i = 0; i < bytes.length; i++) bytes[i] = byte(i);
  return { vm, module };
}

/** Bytes that nothing can compress. */
const noise = (i: number): number => {
  let x = Math.imul(i + 1, 0x9e3779b1);
  x = Math.imul(x ^ (x >>> 15), 0x85ebca6b);
  return (x ^ (x >>> 13)) >>> 24;
};

test('not a snapshot', async (t) => {
  const bytes = await encoded();
  t.regex(refused(new Uint8Array(0)).message, /not a snapshot/);
  t.regex(refused(new Uint8Array(100)).message, /not a snapshot/);
  t.regex(refused(bytes.subarray(1)).message, /not a snapshot/);
  t.throws(() => Snapshot.decode('text' as never), { instanceOf: UsageError });
});

test('cut short, or too long', async (t) => {
  const bytes = await encoded();
  t.regex(refused(bytes.subarray(0, -1)).message, /cut short/);
  t.regex(refused(bytes.subarray(0, 40)).message, /cut short/);
  t.regex(refused(new Uint8Array([...bytes, 0])).message, /something follows/);
});

test('a newer version is told as such, whatever follows', async (t) => {
  const parts = partsOf(await encoded());
  t.regex(refused(container(parts, newest + 1)).message, new RegExp(`newer version of wasbox .format ${newest + 1}.`));
});

test('a container made by hand is read, and bytes may stand anywhere in a buffer', async (t) => {
  const bytes = await encoded();
  t.deepEqual(container(partsOf(bytes)), bytes);
  const room = new Uint8Array(bytes.length + 7);
  room.set(bytes, 3);
  const vm = await restored(Snapshot.decode(room.subarray(3, -4)));
  t.deepEqual(finish(vm), [1124n]);
  const loose = container(partsOf(bytes).map(unpacked));
  t.deepEqual(Snapshot.decode(loose).encode(), bytes);
});

test('damage is noticed, and where', async (t) => {
  const bytes = await encoded();
  const flipped = (at: number) => bytes.map((byte, i) => (i === at ? byte ^ 4 : byte));
  t.is(refused(flipped(20)).where, 'header');
  t.is(refused(flipped(bytes.length - 1)).where, `part ${partsOf(bytes).length - 1}`);
});

test('memory: zero pages take nothing, equal ones once, noise is not packed, text is', async (t) => {
  const size = async (byte: (i: number) => number) => (await filled(32, byte)).vm.save().encode().length;
  const bytes = 32 * 65536;
  t.true((await size(() => 0)) < 2000);
  t.true((await size((i) => (i % 251) & (i % 4096 < 4096 ? 255 : 0))) < bytes / 20);
  t.true((await size((i) => noise(i % 4096))) < 7000);
  const dense = await size(noise);
  t.true(dense > bytes && dense < bytes * 1.01);
  t.true((await size((i) => 97 + (noise(i) & 3))) < bytes / 2);
});

test('against a base only what changed is written', async (t) => {
  const { vm, module } = await filled(32, noise);
  const base = vm.save();
  const { bytes } = vm.instance().memory('m');
  bytes[5] = 1;
  bytes.fill(0, 65536, 131072);
  const snapshot = vm.save();
  const small = snapshot.encode({ base });
  t.true(small.length < 6000);
  t.true(base.encode({ base }).length < 2000);
  const again = Snapshot.decode(small, { base: Snapshot.decode(base.encode()) });
  t.deepEqual(again.encode(), snapshot.encode());
  t.deepEqual(
    VM.restore(again, { modules: [module] })
      .instance()
      .memory('m').bytes,
    bytes,
  );
  t.regex(refused(small).message, /base snapshot is needed/);
  t.regex(refused(small, { base: snapshot }).message, /another one/);
  t.deepEqual(Snapshot.decode(snapshot.encode(), { base }).encode(), snapshot.encode());
});

test('a base with other memories', async (t) => {
  const { vm, module } = await filled(3, noise);
  const base = (await filled(1, noise)).vm.save();
  const small = vm.save().encode({ base });
  const twin = VM.restore(Snapshot.decode(small, { base }), { modules: [module] });
  t.deepEqual(twin.instance().memory('m').bytes, vm.instance().memory('m').bytes);
});

test('the last page may be cut', async (t) => {
  const module = await moduleOf('(memory (export "m") 5000 (pagesize 1))').catch(() => undefined);
  if (module === undefined) return t.pass('the assembler does not know custom page sizes');
  const vm = new VM();
  const { bytes } = vm.instantiate(module).memory('m');
  bytes.fill(7, 4000);
  const twin = VM.restore(vm.save().encode(), { modules: [module] });
  t.deepEqual(twin.instance().memory('m').bytes, bytes);
});

// Bombs

test('parts say how large they are, and are not unpacked any further', async (t) => {
  const parts = partsOf(await encoded()).flatMap((part) => (part.kind === 2 ? [] : [unpacked(part)]));
  const bomb = deflateSync(new Uint8Array(2 ** 27), { level: 9 });
  const packed = (size: number): Part => ({ kind: 2, coding: 1, size, bytes: bomb });
  t.regex(refused(container([...parts, packed(4096)])).message, /another size than it says/);
  t.regex(refused(container([...parts, packed(2 ** 27)])).message, /262144 are the most/);
});

test('parts together are bounded before they are unpacked', async (t) => {
  const block = deflateSync(new Uint8Array(2 ** 18), { level: 9 });
  const part: Part = { kind: 2, coding: 1, size: 2 ** 18, bytes: block };
  const bytes = container(Array.from({ length: 1000 }, () => part));
  t.regex(refused(bytes, { maxBytes: 2 ** 27 }).message, /more than 134217728 bytes/);
  t.regex(refused(container([{ ...part, bytes: block.slice(0, 100) }])).message, /another size/);
  t.regex(refused(container([{ ...part, coding: 0 }])).message, /another size/);
});

test('a few words cannot ask for a huge memory', async (t) => {
  const { vm, module } = await filled(1, () => 0);
  const data = forged(vm.save());
  data.memories = [{ size: 65536, runs: new Int32Array([2 ** 20, -1]) }];
  const huge = Snapshot.decode(new Snapshot(data).encode());
  t.is(huge.summary().pages, 2 ** 20);
  t.throws(() => VM.restore(huge, { modules: [module], limits: { memory: 2 ** 20 } }), {
    instanceOf: SnapshotError,
    message: /over the limit of 1048576 bytes \(memory 0\)/,
  });
  data.memories = [{ size: 65536, runs: new Int32Array([2 ** 20 + 1, -1]) }];
  t.regex(refused(new Snapshot(data).encode()).message, /beyond the memory/);
});

test('words that are said to be there and are not', async (t) => {
  const parts = partsOf(await encoded()).map(unpacked);
  t.regex(refused(container(parts.filter(({ kind }) => kind !== 1))).message, /longer than what is left/);
  t.regex(refused(container(parts.filter(({ kind }) => kind !== 0))).message, /metadata/);
});

test('the checksum is CRC-32', (t) => {
  t.is(crc32(new TextEncoder().encode('123456789')), 0xcbf43926);
  t.is(crc32(new Uint8Array(0)), 0);
});

// Metadata

const metadata = async (change: (records: unknown[][]) => void): Promise<Uint8Array> => {
  const parts = partsOf(await encoded()).map(unpacked);
  const first = parts.findIndex(({ kind }) => kind === 0);
  const records = JSON.parse(new TextDecoder().decode((parts[first] as Part).bytes)) as unknown[][];
  change(records);
  parts.splice(first, 1, ...storedAll(0, new TextEncoder().encode(JSON.stringify(records))));
  return container(parts);
};

const forgeries: Record<string, (records: unknown[][]) => void> = {
  'an array said to be long': (r) => r.push(['Uint8Array', 1e9]),
  'an array like a list': (r) => r.push(['Float64Array', { length: 1e9 }]),
  'an array of odd digits': (r) => r.push(['Uint8Array', 'xy']),
  'an array cut in half': (r) => r.push(['Float64Array', '00']),
  'a buffer': (r) => r.push(['ArrayBuffer', [1, 2]]),
  'an unknown class': (r) => r.push(['Function', 'return 1']),
  'an index beyond': (r) => r.push([1, [1e6]]),
  'an index that is none': (r) => r.push([1, ['0']]),
  'a pair of three': (r) => r.push([5, [[0, 0, 0]]]),
  'a prototype': (r) => {
    r.push([0, '__proto__']);
    r.push([2, [[r.length - 1, 0]]]);
  },
  'a key that is none': (r) => r.push([2, [[0, 0]]]),
  'a bigint of many digits': (r) => r.push([8, '9'.repeat(20_000)]),
  'a number that is none': (r) => r.push(['number', 'constructor']),
  'an unknown type': (r) => r.push([9, 1]),
  'no record': (r) => r.push(null as never),
};

for (const [what, change] of Object.entries(forgeries))
  test(`metadata with ${what}`, async (t) => {
    t.is(refused(await metadata(change)).where, 'metadata');
  });

test('metadata of endless depth', async (t) => {
  const deep = await metadata((records) => {
    const root = records.length;
    records[0] = [2, [[root, root + 1]]];
    records.push([0, 'saved']);
    for (let i = 0; i < 200_000; i++) records.push([1, [records.length + 1]]);
    records.push([0, 1]);
  });
  t.is(refused(deep).where, 'metadata');
});

test('what is not a snapshot inside', async (t) => {
  t.regex(refused(await metadata((r) => r.splice(0, 1, [0, 1]))).message, /expected|missing/);
  t.regex(refused(await metadata((r) => r.splice(0, 1, [0, null]))).message, /expected|missing/);
});

// Packing

const zstd = readFileSync(new URL('../fixtures/zstd-v5.wbx', import.meta.url));

test('what a host with zstd has packed is read by any', (t) => {
  t.true(partsOf(zstd).some(({ coding }) => coding === 2));
  t.deepEqual(VM.restore(new Uint8Array(zstd)).run(), { status: 'returned', values: [11_325] });
});

test('packed parts that were tampered with are refused, or are of the size that they say', (t) => {
  const parts = partsOf(zstd);
  const at = parts.findIndex(({ coding }) => coding === 2);
  const { bytes, ...part } = parts[at] as Part;
  let read = 0;
  const whole = { ...part, bytes, coding: 1 };
  for (const each of [
    { ...part, bytes },
    { ...whole, bytes: deflateSync(new Uint8Array(part.size).fill(3)) },
  ])
    for (let i = 0; i < each.bytes.length; i++)
      for (const bit of [1, 16, 128]) {
        const torn = each.bytes.slice();
        torn[i] = (torn[i] as number) ^ bit;
        const outcome = attempt(() => Snapshot.decode(container(parts.with(at, { ...each, bytes: torn }), 5)));
        if (outcome instanceof Snapshot) read++;
        else t.true(outcome instanceof SnapshotError, String(outcome));
      }
  t.true(read > 0);
  for (const size of [part.size + 1, part.size - 1, 1])
    t.throws(() => Snapshot.decode(container(parts.with(at, { ...part, bytes, size }), 5)), {
      instanceOf: SnapshotError,
      message: /another size than it says/,
    });
});

function attempt<T>(act: () => T): unknown {
  try {
    return act();
  } catch (error) {
    return error;
  }
}
