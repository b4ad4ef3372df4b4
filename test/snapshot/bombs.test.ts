// Small snapshots that ask for much: each is refused before what it asks for is made.

import test from 'ava';
import { deflateSync } from 'fflate';
import { LimitError, Snapshot, SnapshotError, VM, type WasboxError } from '../../src/index.ts';
import { mostOfSnapshot } from '../../src/snapshot/restore.ts';
import { moduleOf } from '../wat.ts';
import { container, type Part, partsOf, unpacked } from './container.ts';
import { type Forged, forged, guest, imports, suspended } from './guest.ts';

const block = 2 ** 18;

/** In parts as large as they may be, each packed. */
function packed(kind: number, bytes: Uint8Array): Part[] {
  const parts: Part[] = [];
  for (let at = 0; at < bytes.length; at += block) {
    const contents = bytes.subarray(at, at + block);
    parts.push({ kind, coding: 1, size: contents.length, bytes: deflateSync(contents, { level: 9 }) });
  }
  return parts;
}

const encoded = new TextEncoder();
const metadata = (text: string): Uint8Array => container(packed(0, encoded.encode(text)));
const times = (count: number, text: string): string => Array<string>(count).fill(text).join(',');

function refused(act: () => unknown): WasboxError {
  try {
    act();
  } catch (error) {
    if (error instanceof SnapshotError || error instanceof LimitError) return error;
    throw error;
  }
  throw new Error('it was taken');
}

const million = 1_000_000;
const texts: Record<string, string> = {
  'a record listed a million times': `[[1,[${times(million, '1')}]],[2,[]]]`,
  'a record listed a few times': '[[1,[1,1]],[2,[]]]',
  'a list in itself': '[[1,[0]]]',
  'lists in each other, doubled': `[${Array.from({ length: 60 }, (_, i) => `[1,[${i + 1},${i + 1}]]`)},[0,1]]`,
  'a million empty lists': `[[1,[]],${times(million, '[]')}]`,
  'a million empty objects': `[[1,[]],${times(million, '{}')}]`,
  'a million records': `[[1,[]],${times(million, '[0,0]')}]`,
  'a million numbers': `[[1,[]],[0,[${times(million, '0.5')}]]]`,
  'a million texts': `[[1,[]],[0,[${times(million, '""')}]]]`,
  'a long text': `[[0,"${'x'.repeat(8 * million)}"]]`,
  'many errors': `[[1,[]],${times(20_000, '[7,{"name":"Error","message":""}]')}]`,
  'many expressions': `[[1,[]],${times(10_000, '[4,{"source":"","flags":"iu"}]')}]`,
  'a long expression': `[[1,[]],[4,{"source":"[${'\\\\p{L}'.repeat(60_000)}]","flags":"iu"}]]`,
  'many views': `[[1,[]],${times(60_000, '["Uint8Array",""]')}]`,
  'lists deep within each other': `[${Array.from({ length: 100_000 }, (_, i) => `[1,[${i + 1}]]`)},[0,1]]`,
  'brackets deep within each other': '['.repeat(200_000),
  'a text without an end': '[[0,"',
};
for (const [what, text] of Object.entries(texts))
  test(`metadata with ${what}`, (t) => {
    const bytes = metadata(text);
    t.true(bytes.length < 200_000);
    const error = refused(() => Snapshot.decode(bytes));
    t.is((error as SnapshotError).where, 'metadata');
    t.true(error.message.length < 300);
  });

test('what is ours does not stand among values of the host', async (t) => {
  const parts = partsOf((await suspended()).save().encode()).map(unpacked);
  const records = JSON.parse(new TextDecoder().decode((parts[0] as Part).bytes)) as [number, [number, number][]][];
  const find = (record: [number, [number, number][]] | undefined, key: string) =>
    record?.[1].find(([k]) => (records[k] as unknown[])[1] === key)?.[1] as number;
  const saved = records[find(records[0], 'saved')];
  const externs = records[find(saved, 'externs')] as unknown as [number, number[]];
  const forge = (value: number) => {
    externs[1] = [value, value];
    const bytes = encoded.encode(JSON.stringify(records));
    return container([{ kind: 0, coding: 0, size: bytes.length, bytes }, ...parts.slice(1)]);
  };
  const ours = find(saved, 'limits');
  t.regex(refused(() => Snapshot.decode(forge(ours))).message, /among values of the host/);
  records.push([1, []]);
  const twice = Snapshot.decode(forge(records.length - 1)).data.externs;
  t.deepEqual(twice, [[], []]);
  t.is(twice[0], twice[1]);
});

test('values of the host that are too many are read by whoever allows it', async (t) => {
  const module = await moduleOf('(global (export "g") (mut externref) (ref.null extern))');
  const vm = new VM();
  vm.instantiate(module).global('g').value = Array.from({ length: 100_000 }, (_, i) => ({ i }));
  const bytes = vm.save().encode();
  t.regex(refused(() => Snapshot.decode(bytes)).message, /more than 16777216 bytes/);
  const snapshot = Snapshot.decode(bytes, { maxMetadata: 2 ** 26 });
  t.like(
    VM.restore(snapshot, { modules: [module] })
      .instance()
      .global('g').value,
    { length: 100_000 },
  );
});

test('values of the host that are too deep cannot be written', async (t) => {
  const module = await moduleOf('(global (export "g") (mut externref) (ref.null extern))');
  const vm = new VM();
  let value: unknown = 0;
  for (let i = 0; i < 100_000; i++) value = [value];
  vm.instantiate(module).global('g').value = value;
  t.notThrows(() => refused(() => vm.save().encode()));
});

// Words and pages

test('words and pages are not unpacked that nothing names', async (t) => {
  const parts = partsOf((await suspended()).save().encode()).map(unpacked);
  const of = (kind: number) => parts.filter((part) => part.kind === kind);
  const zeros = packed(1, new Uint8Array(2 ** 26));
  t.true(zeros.reduce((sum, { bytes }) => sum + bytes.length, 0) < 100_000);
  const words = refused(() => Snapshot.decode(container([...of(0), ...of(1), ...zeros, ...of(2)])));
  t.regex(words.message, /there is use for \d+ at the most \(words\)/);
  const pages = packed(2, new Uint8Array(2 ** 26));
  t.regex(refused(() => Snapshot.decode(container([...parts, ...pages]))).message, /at the most \(pages\)/);
});

test('no more is unpacked than the limits of a VM allow', async (t) => {
  const module = await moduleOf('(table 1 funcref)');
  const vm = new VM();
  vm.instantiate(module);
  const data = forged(vm.save());
  data.tables[0] = new Int32Array(2 ** 24);
  const bytes = new Snapshot(data).encode();
  t.true(bytes.length < 200_000);
  const limits = { memory: 0, stack: 0, heap: 0, frames: 0, tables: 10, entities: 100, hostState: 0 };
  t.true(mostOfSnapshot(limits).maxBytes < 2 ** 25);
  t.regex(refused(() => VM.restore(bytes, { modules: [module], limits })).message, /parts take more than/);
});

test('millions of small objects take no more than the limit says', async (t) => {
  const module = await moduleOf(`(type (struct)) (tag) (tag (param i32))
    (global $e (export "e") (mut exnref) (ref.null exn)) (global $a (mut anyref) (ref.null any))`);
  const vm = new VM();
  vm.instantiate(module);
  const data = forged(vm.save());
  data.heap.types = Int32Array.of(-1, 0);
  data.heap.objects = new Int32Array(4_000_000);
  const bytes = new Snapshot(data).encode();
  t.true(bytes.length < 72_000);
  const heap = 2 ** 24;
  t.regex(
    refused(() => VM.restore(bytes, { modules: [module], limits: { heap } })).message,
    /objects are over the limit/,
  );
  const { heapUsed } = process.memoryUsage();
  const { store } = VM.restore(bytes, { modules: [module], limits: { heap: 2 ** 27 } });
  t.is(store.heap.size, 12_000_000);
  t.true(process.memoryUsage().heapUsed - heapUsed < 2 ** 26, 'objects are words, and no objects of the host');
  data.heap.types = Int32Array.from({ length: 2_000_000 }, (_, i) => (i % 2 === 0 ? -1 : 0));
  t.regex(refused(() => VM.restore(new Snapshot(data), { modules: [module] })).message, /lists a type twice/);
});

test('runs of pages take words, however many they are', async (t) => {
  const module = await moduleOf('(memory 65536)');
  const vm = new VM();
  vm.instantiate(module);
  const data = forged(vm.save());
  data.pages = new Uint8Array(4096).fill(1);
  const runs = Int32Array.from({ length: 2 ** 20 }, (_, i) => (i % 2 === 0 ? 1 : 0));
  data.memories = [{ size: 65536, runs: Int32Array.from([...runs, 2 ** 20 - 2 ** 19, -1]) }];
  const bytes = new Snapshot(data).encode();
  const { heapUsed } = process.memoryUsage();
  const again = Snapshot.decode(bytes);
  t.is(again.summary().pages, 2 ** 20);
  t.true(process.memoryUsage().heapUsed - heapUsed < 2 ** 25);
});

// Counts

const lies: Record<string, (d: Forged) => void> = {
  'more modules than instances': (d) => {
    d.modules.push(...Array<string>(100_000).fill('0'.repeat(64)));
  },
  'millions of functions': (d) => {
    d.origins.func = new Int32Array(8_000_000);
  },
  'a table of millions for a function': (d) => {
    const instance = d.instances[0] as { spaces: { func: Int32Array } };
    instance.spaces.func = new Int32Array(8_000_000);
  },
  'millions of globals': (d) => {
    d.globals = new Int32Array(8_000_000);
  },
  'the name of a module that is long': (d) => {
    d.modules[0] = 'x'.repeat(1_000_000);
  },
  'the name of a type that is long': (d) => {
    Object.assign(d.made.func[0] ?? {}, { type: { params: ['y'.repeat(1_000_000)], results: [] } });
  },
  'a wait of a long name': (d) => {
    Object.assign(d, { wait: { bytes: 'z'.repeat(1_000_000) } });
  },
};
for (const [what, forge] of Object.entries(lies))
  test(`refused, and shortly: ${what}`, async (t) => {
    const data = forged((await suspended()).save());
    forge(data);
    const error = refused(() => VM.restore(new Snapshot(data), { modules: [], imports }));
    const known = await guest;
    const again = refused(() => VM.restore(new Snapshot(data), { modules: [known], imports }));
    t.true(error.message.length < 300 && again.message.length < 300);
  });

test('millions of blocks that have no bytes count for something', async (t) => {
  const { data } = new VM().save();
  const blocks = (count: number) => ({
    version: 4,
    states: [{ name: 'x', data: null, blocks: new Int32Array(0) }],
    blocks: new Array<Uint8Array>(count).fill(new Uint8Array(0)),
    blockRuns: new Int32Array(0),
  });
  const bytes = new Snapshot({ ...data, ...blocks(4 * million) }).encode();
  t.true(bytes.length < 50_000, `${bytes.length}`);
  t.regex(refused(() => Snapshot.decode(bytes)).message, /blocks take more than 2147483648 bytes/);
  const few = new Snapshot({ ...data, ...blocks(1000) }).encode();
  t.is(Snapshot.decode(few, { maxState: 2_048_000 }).data.blocks?.length, 1000);
  t.regex(refused(() => Snapshot.decode(few, { maxState: 2_047_999 })).message, /blocks take more than/);
});
