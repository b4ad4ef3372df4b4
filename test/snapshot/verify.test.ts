// Forged data: each lie is told apart, and where it is.

import test from 'ava';
import { Snapshot, SnapshotError, VM } from '../../src/index.ts';
import { type Forged, finish, forged, guest, imports, limits, restored, suspended, waiting } from './guest.ts';

type Lie = readonly [what: string, forge: (data: Forged) => void, told: RegExp];

/** The words of a list of frames: function, pc, base. */
const frame = (i: number, word: 0 | 1 | 2) => 3 * i + word;

const wait = { memory: 0, address: 8, bytes: 4, expected: 0n, until: null, woken: false } as const;

const lies: readonly Lie[] = [
  [
    'a wait at a memory of one thread',
    (d) => {
      d.wait = wait;
    },
    /at no shared memory/,
  ],
  [
    'a wait at a memory that is none',
    (d) => {
      d.wait = { ...wait, memory: 7 };
    },
    /at no shared memory/,
  ],
  [
    'a wait of three bytes',
    (d) => {
      (d as { wait: unknown }).wait = { ...wait, bytes: 3 };
    },
    /one of 4, 8/,
  ],
  [
    'a wait for more than 64 bits',
    (d) => {
      d.wait = { ...wait, expected: 2n ** 63n };
    },
    /signed 64-bit/,
  ],
  [
    'a wait until no time',
    (d) => {
      d.wait = { ...wait, until: NaN };
    },
    /a time expected/,
  ],
  [
    'a newer version',
    (d) => {
      d.version = 99;
    },
    /newer version/,
  ],
  [
    'no version',
    (d) => {
      Reflect.deleteProperty(d, 'version');
    },
    /version is missing/,
  ],
  [
    'a missing field',
    (d) => {
      Reflect.deleteProperty(d, 'slots');
    },
    /slots is missing/,
  ],
  [
    'text for a number',
    (d) => {
      (d as { calls: unknown }).calls = '1';
    },
    /a count expected/,
  ],
  [
    'fuel that is no number',
    (d) => {
      d.fuelUsed = NaN;
    },
    /fuelUsed/,
  ],
  [
    'a debt below zero',
    (d) => {
      d.debt = -1;
    },
    /debt/,
  ],
  [
    'a list that is none',
    (d) => {
      (d as { instances: unknown }).instances = { length: 1e9 };
    },
    /a list expected/,
  ],
  [
    'an unknown module',
    (d) => {
      d.modules[0] = '00';
    },
    /SHA-256 00 is needed \(module 0\)/,
  ],
  [
    'a module that is not there',
    (d) => {
      (d.instances[0] as { module: number }).module = 1;
    },
    /unknown module/,
  ],
  [
    'a function of no instance',
    (d) => {
      d.origins.func[4] = 7;
    },
    /unknown instance, 7 \(func 2\)/,
  ],
  [
    'an imported function as its own',
    (d) => {
      d.origins.func.set([0, 0], 4);
    },
    /comes from an import/,
  ],
  [
    'a function for another',
    (d) => {
      d.origins.func[5] = 3;
    },
    /something else \(func 2\)/,
  ],
  [
    'an address beyond the store',
    (d) => {
      d.instances[0]?.spaces.func.fill(1e9, 0, 1);
    },
    /import 0 of its funcs/,
  ],
  [
    'an import of another type',
    (d) => {
      d.instances[0]?.spaces.func.set([1], 0);
    },
    /does not match/,
  ],
  [
    'its own memory twice',
    (d) => {
      d.origins.memory = new Int32Array([0, 0, 0, 0]);
    },
    /2 origins, 1 expected/,
  ],
  [
    'half an origin',
    (d) => {
      d.origins.table = new Int32Array(3);
    },
    /half an origin/,
  ],
  [
    'a host function of an odd type',
    (d) => {
      d.made.func[0] = { module: 'env', name: 'ask', type: { params: ['i3'], results: [] } };
    },
    /"i3" is no type/,
  ],
  [
    'a host function of another type',
    (d) => {
      d.made.func[0] = { module: 'env', name: 'ask', type: { params: [], results: [] } };
    },
    /import 0/,
  ],
  [
    'a host function too many',
    (d) => {
      d.made.func.push(d.made.func[0] as never);
    },
    /8 origins, 9 expected/,
  ],
  [
    'host functions out of order',
    (d) => {
      d.origins.func.set([-1, 1, -1, 0]);
    },
    /out of order/,
  ],
  [
    'a host function typed by nobody',
    (d) => {
      d.made.func[0] = { module: 'env', name: 'ask', type: { instance: 3, index: 0 } };
    },
    /unknown instance/,
  ],
  [
    'a memory made by the host that is none',
    (d) => {
      d.origins.memory = new Int32Array([0, 0, -1, 0]);
      d.made.memory.push({ addr: 'i32', min: 9n, max: 1n, shared: false, pageLog2: 16 });
      d.memories.push({ size: 9, runs: new Int32Array(0) });
    },
    /type is not valid \(memory 1\)/,
  ],

  [
    'a dropped segment that is none',
    (d) => {
      instance(d).droppedDatas = new Int32Array([2]);
    },
    /data segment 2/,
  ],
  [
    'segments dropped twice',
    (d) => {
      instance(d).droppedDatas = new Int32Array([1, 1]);
    },
    /data segment 1/,
  ],
  [
    'a segment cut in half',
    (d) => {
      instance(d).elems[1] = new Int32Array(2);
    },
    /neither whole nor dropped/,
  ],
  [
    'a segment of strangers',
    (d) => {
      instance(d).elems[1]?.set([0, 2]);
    },
    /no reference of type funcref \(instance 0, element segment 1, element 0\)/,
  ],
  [
    'a segment too few',
    (d) => {
      instance(d).elems.pop();
    },
    /1 element segments/,
  ],

  [
    'a table below its type',
    (d) => {
      d.tables[0] = new Int32Array(2);
    },
    /table 0/,
  ],
  [
    'a table above its type',
    (d) => {
      d.tables[0] = new Int32Array(40);
    },
    /size of 20 .*\(table 0\)/,
  ],
  [
    'half an element',
    (d) => {
      d.tables[0] = new Int32Array(9);
    },
    /table 0/,
  ],
  [
    'an element that is a number',
    (d) => {
      d.tables[0]?.set([5, 9]);
    },
    /table 0, element 0/,
  ],
  [
    'an element of the host',
    (d) => {
      d.tables[0]?.set([0, 2]);
    },
    /funcref \(table 0, element 0\)/,
  ],
  [
    'a function that is not there',
    (d) => {
      d.tables[0]?.set([99, 1]);
    },
    /table 0, element 0/,
  ],
  [
    'a function below zero',
    (d) => {
      d.tables[0]?.set([-1, 1]);
    },
    /table 0, element 0/,
  ],
  [
    'null with something in it',
    (d) => {
      d.tables[0]?.set([4, 0]);
    },
    /table 0, element 0/,
  ],
  [
    'an object of no heap',
    (d) => {
      d.tables[0]?.set([0, 3]);
    },
    /table 0, element 0/,
  ],

  [
    'a memory below its type',
    (d) => {
      memory(d).size = 1;
    },
    /1 pages is out of its type/,
  ],
  [
    'a memory above its type',
    (d) => {
      memory(d).size = 9;
    },
    /9 pages is out of its type/,
  ],
  [
    'a huge memory',
    (d) => {
      memory(d).size = 2 ** 40;
    },
    /memory 0/,
  ],
  [
    'contents too short',
    (d) => {
      memory(d).runs = new Int32Array([1, 0]);
    },
    /1 pages are given, 48 expected/,
  ],
  [
    'contents too long',
    (d) => {
      memory(d).runs = new Int32Array([49, -1]);
    },
    /beyond the memory \(memory 0, page 0\)/,
  ],
  [
    'contents from nowhere',
    (d) => {
      memory(d).runs = new Int32Array([40, -1, 8, 0]);
    },
    /not in the snapshot \(memory 0, page 40\)/,
  ],
  [
    'contents of a base',
    (d) => {
      memory(d).runs = new Int32Array([48, -2]);
    },
    /memory 0, page 0/,
  ],
  [
    'half a run',
    (d) => {
      memory(d).runs = new Int32Array([48, -1, 1]);
    },
    /half a run/,
  ],
  [
    'a run of less than nothing',
    (d) => {
      memory(d).runs = new Int32Array([-1, -1, 49, -1]);
    },
    /page 0/,
  ],
  [
    'half a page',
    (d) => {
      d.pages = d.pages.slice(1);
    },
    /whole pages/,
  ],

  [
    'a global of the host for a function',
    (d) => {
      d.globals.set([0, 2], 12);
    },
    /funcref \(global 3\)/,
  ],
  [
    'a value of the host that is not there',
    (d) => {
      d.globals.set([1, 2], 8);
    },
    /externref \(global 2\)/,
  ],
  [
    'too few globals',
    (d) => {
      d.globals = d.globals.slice(4);
    },
    /globals/,
  ],

  [
    'frames cut short',
    (d) => {
      d.frames = d.frames.slice(1);
    },
    /cut short/,
  ],
  [
    'slots cut short',
    (d) => {
      d.slots = d.slots.slice(1);
    },
    /cut short/,
  ],
  [
    'values without a frame',
    (d) => {
      d.frames = new Int32Array(0);
    },
    /without a frame/,
  ],
  [
    'a frame of a host function',
    (d) => {
      d.frames[frame(0, 0)] = 0;
    },
    /no function of a module \(frame 0\)/,
  ],
  [
    'a frame of no function',
    (d) => {
      d.frames[frame(1, 0)] = -8;
    },
    /no function of a module \(frame 1\)/,
  ],
  [
    'a frame that begins late',
    (d) => {
      d.frames[frame(0, 2)] = 1;
    },
    /frame 0/,
  ],
  [
    'a frame that begins before its caller',
    (d) => {
      d.frames[frame(2, 2)] = 0;
    },
    /frame 2/,
  ],
  [
    'a frame beyond the stack',
    (d) => {
      d.frames[frame(2, 2)] = 9999;
    },
    /frame 2/,
  ],
  [
    'a pc within an instruction',
    (d) => {
      d.frames[frame(1, 1)] = 1;
    },
    /no instruction that runs \(frame 1\)/,
  ],
  [
    'a pc beyond the function',
    (d) => {
      d.frames[frame(1, 1)] = 1e6;
    },
    /frame 1/,
  ],
  [
    'a pc below zero',
    (d) => {
      d.frames[frame(1, 1)] = -1;
    },
    /frame 1/,
  ],
  [
    'a frame that waits after no call',
    (d) => {
      d.frames[frame(1, 1)] = 0;
    },
    /not after a call \(frame 1\)/,
  ],
  [
    'a value too many',
    (d) => {
      d.slots = new Int32Array([...d.slots, 0, 0]);
    },
    /more or fewer/,
  ],
  [
    'a value too few',
    (d) => {
      d.slots = d.slots.slice(2);
    },
    /frame 0|frame \d: |more or fewer/,
  ],
  [
    'a number for a reference',
    (d) => {
      d.slots.set([1, 0], 2 * (base(d, 1) + 4));
    },
    /funcref \(frame 1, local 3\)/,
  ],
  [
    'a stack over the limit',
    (d) => {
      d.slots = new Int32Array(2 ** 13);
    },
    /over the limit/,
  ],
  [
    'frames over the limit',
    (d) => {
      d.frames = new Int32Array(303);
    },
    /101 frames are over the limit/,
  ],
];

const instance = (d: Forged) => d.instances[0] as Forged['instances'][number];
const memory = (d: Forged) => d.memories[0] as Forged['memories'][number];
const base = (d: Forged, i: number) => d.frames[frame(i, 2)] as number;

for (const [what, forge, told] of lies)
  test(`a lie is told: ${what}`, async (t) => {
    const data = forged((await suspended(150)).save());
    const modules = [await guest];
    t.notThrows(() => VM.restore(new Snapshot(structuredClone(data)), { modules, imports, limits }).dispose());
    forge(data);
    const error = t.throws(() => VM.restore(new Snapshot(data), { modules, imports, limits }), {
      instanceOf: SnapshotError,
    });
    t.regex(error?.message ?? '', told);
  });

const pendingLies: readonly Lie[] = [
  [
    'calls a function of the guest',
    (d) => {
      pending(d).func = 2;
    },
    /no host function/,
  ],
  [
    'calls nothing',
    (d) => {
      pending(d).func = 1000;
    },
    /no host function/,
  ],
  [
    'has an id to come',
    (d) => {
      pending(d).id = 2;
    },
    /has the id 2/,
  ],
  [
    'has too few arguments',
    (d) => {
      pending(d).args = new Int32Array(2);
    },
    /other arguments/,
  ],
  [
    'has an argument that is no reference',
    (d) => {
      pending(d).args.set([7, 2], 2);
    },
    /pending call, argument 1/,
  ],
  [
    'answers with another type',
    (d) => {
      Object.assign(pending(d), { func: 1, args: new Int32Array(2) });
    },
    /another type/,
  ],
  [
    'is called from nowhere',
    (d) => {
      d.frames[d.frames.length - 2] = 0;
    },
    /not after a call/,
  ],
];

const heapLies: readonly Lie[] = [
  ['of an unknown type', (d) => d.heap.objects.fill(99, 0, 1), /of an unknown type \(object 0\)/],
  ['of a type that objects do not have', (d) => d.heap.types.set([0, 0]), /type that objects do not have/],
  ['of a type that is none', (d) => d.heap.types.set([0, 77]), /a type that is none/],
  ['with half a type', (d) => Object.assign(d.heap, { types: d.heap.types.slice(1) }), /half a type/],
  ['cut short', (d) => Object.assign(d.heap, { objects: d.heap.objects.slice(0, -1) }), /cut short \(object 3\)/],
  ['missing', (d) => Object.assign(d.heap, { objects: new Int32Array(0) }), /no reference/],
  ['taken for another', (d) => d.globals.set([1, 3], 5 * 4), /\(global 5\)/],
  ['taken for an exception', (d) => d.globals.set([0, 5], 7 * 4), /exnref \(global 7\)/],
  ['with a wide byte', (d) => d.heap.objects.fill(256, 1, 2), /too large \(object 0\)/],
  ['that refers to nothing', (d) => d.heap.objects.set([50, 3], 2), /\(object 0\)/],
];

for (const [what, forge, told] of heapLies)
  test(`a lie is told: an object ${what}`, async (t) => {
    const data = forged((await waiting()).save());
    t.is((await restored(new Snapshot(structuredClone(data)))).status, 'waiting');
    forge(data);
    const error = await t.throwsAsync(restored(new Snapshot(data)), { instanceOf: SnapshotError });
    t.regex(error?.message ?? '', told);
  });

const pending = (d: Forged) => d.pending as NonNullable<Forged['pending']>;

for (const [what, forge, told] of pendingLies)
  test(`a lie is told: a pending call that ${what}`, async (t) => {
    const data = forged((await waiting()).save());
    forge(data);
    t.throws(() => VM.restore(new Snapshot(data), { modules: [], imports, limits }), { instanceOf: SnapshotError });
    const error = await t.throwsAsync(restored(new Snapshot(data)), { instanceOf: SnapshotError });
    t.regex(error?.message ?? '', told);
  });

test('a pending call that was dropped: the results are missing', async (t) => {
  const data = forged((await waiting()).save());
  data.pending = null;
  await t.throwsAsync(restored(new Snapshot(data)), { instanceOf: SnapshotError, message: /more or fewer/ });
});

test('other values of the right types are not lies', async (t) => {
  const data = forged((await waiting()).save());
  data.slots[2 * 1 + 2] = 500;
  data.globals[0] = 42;
  memory(data).runs = new Int32Array([48, -1]);
  data.tables[0]?.fill(0);
  const vm = await restored(new Snapshot(data));
  t.is(vm.instance().global('count').value, 42n);
  t.is(typeof finish(vm)[0], 'bigint');
});

test('time is in proportion, however the frames are spread', async (t) => {
  const { moduleOf } = await import('../wat.ts');
  const calls = '(call 0) '.repeat(20_000);
  const module = await moduleOf(`(func ${calls})`);
  const vm = new VM();
  vm.instantiate(module);
  const data = forged(vm.save());
  data.frames = Int32Array.from({ length: 3 * 20_000 }, (_, i) => (i % 3 === 1 ? 2 * ((i - 1) / 3) + 2 : 0));
  const start = performance.now();
  VM.restore(new Snapshot(data), { modules: [module] });
  t.true(performance.now() - start < 5_000);
});
