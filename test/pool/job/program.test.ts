// Jobs of several calls: small state machines whose state travels with the VM.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { deflateSync } from 'node:zlib';
import test from 'ava';
import { HostError, LinkError, Module, UsageError } from '../../../src/index.ts';
import { type Job, JobSnapshot, Pool } from '../../../src/pool/index.ts';
import { moduleOf } from '../guests.ts';

const causeOf = (error: Error | undefined): Error => error?.cause as Error;

const decodePng = new URL('../fixtures/decode-png.ts', import.meta.url);
const oddSteps = new URL('../fixtures/odd-steps.ts', import.meta.url);
const lodepng = Module.from(await readFile(createRequire(import.meta.url).resolve('@cwasm/lodepng/lodepng.wasm')));
const odd = await moduleOf(`(module
  (import "env" "twice" (func $twice (param i32) (result i32)))
  (func (export "f") (param i32) (result i32) (call $twice (local.get 0))))`);

interface Image {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8Array;
}

function chunk(type: string, data: Uint8Array): Buffer {
  const bytes = Buffer.alloc(12 + data.length);
  bytes.writeUInt32BE(data.length);
  bytes.write(type, 4, 'latin1');
  bytes.set(data, 8);
  bytes.writeUInt32BE(crc(bytes.subarray(4, 8 + data.length)), 8 + data.length);
  return bytes;
}

function crc(bytes: Uint8Array): number {
  let sum = -1;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
  }
  return ~sum >>> 0;
}

/** A PNG of noise, and its pixels. */
function noise(width: number, height: number, seed: number): { png: Uint8Array; pixels: Uint8Array } {
  const pixels = Uint8Array.from(
    { length: width * height * 4 },
    (_, i) => (Math.imul(i + seed, 0x9e3779b1) >>> 11) & 255,
  );
  const rows = Buffer.alloc(height * (width * 4 + 1));
  for (let y = 0; y < height; y++)
    rows.set(pixels.subarray(y * width * 4, (y + 1) * width * 4), y * (width * 4 + 1) + 1);
  const header = Buffer.from([0, 0, 0, width, 0, 0, 0, height, 8, 6, 0, 0, 0]);
  const parts = [chunk('IHDR', header), chunk('IDAT', deflateSync(rows)), chunk('IEND', new Uint8Array())];
  return { png: Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), ...parts]), pixels };
}

const pool = new Pool({ threads: 2 });
test.after.always(() => pool.terminate());

test('a real program takes input and gives output through memory', async (t) => {
  const { png, pixels } = noise(40, 30, 1);
  const job = pool.submit<Image>({ module: lodepng, program: decodePng, input: png });
  t.deepEqual(await job.result, { width: 40, height: 30, pixels });
});

test('it moves between threads in the middle of its work', async (t) => {
  const { png, pixels } = noise(40, 30, 2);
  const job = pool.submit<Image>({
    ...{ module: lodepng, program: decodePng, input: png },
    ...{ sliceFuel: 20_000, affinity: 'spread' },
  });
  t.deepEqual((await job.result).pixels, pixels);
  t.true(job.stats.moves > 10);
});

test('its state travels in a snapshot', async (t) => {
  const { png, pixels } = noise(40, 30, 3);
  let job: Job<Image> = pool.submit({ module: lodepng, program: decodePng, input: png, sliceFuel: 20_000 });
  for (let i = 0; i < 4; i++) {
    while (job.stats.slices < i + 1) await new Promise((resolve) => setTimeout(resolve, 1));
    const bytes = (await job.suspend()).encode();
    t.false('program' in JobSnapshot.decode(bytes));
    job = pool.resume(bytes, { modules: [lodepng], program: decodePng, sliceFuel: 20_000 });
  }
  t.deepEqual(await job.result, { width: 40, height: 30, pixels });
});

test('one that was expected to end at once goes on elsewhere, with all that it has', async (t) => {
  await using pool = new Pool({ threads: 2, sliceMs: 1 });
  const short = noise(8, 8, 4);
  const long = noise(250, 250, 5);
  for (const engine of ['auto', 'interpreter', 'native'] as const) {
    const submit = (png: Uint8Array) => pool.submit<Image>({ module: lodepng, program: decodePng, input: png, engine });
    for (let i = 0; i < 30; i++) t.deepEqual((await submit(short.png).result).pixels, short.pixels);
    const jobs = Array.from({ length: 6 }, () => submit(long.png));
    const snapshot = await (jobs[0] as Job<Image>).suspend();
    const other = engine === 'native' ? 'interpreter' : 'native';
    const again = pool.resume<Image>(snapshot, { modules: [lodepng], program: decodePng, engine: other });
    for (const job of [again, ...jobs.slice(1)]) {
      t.deepEqual((await job.result).pixels, long.pixels);
      t.true(job.stats.slices > 1);
    }
  }
});

test('what a step throws is the cause of the error', async (t) => {
  const job = pool.submit({ module: lodepng, program: decodePng, input: new Uint8Array(50) });
  const error = await t.throwsAsync(job.result, { instanceOf: HostError, message: /step read threw: lodepng: error/ });
  t.is(causeOf(error).message, 'lodepng: error 28');
});

const submitOdd = (input: string) => pool.submit({ module: odd, program: oddSteps, input });

test('state and output keep their types; steps may be async, and call the guest themselves', async (t) => {
  t.deepEqual(await submitOdd('fine').result, { state: ['fine', Number.NaN, 1n], results: [40], inner: [8] });
});

for (const [input, instanceOf, message] of [
  ['throw', HostError, /step start threw: a step may fail/],
  ['nonsense', HostError, /step start must return/],
  ['lost', UsageError, /no step "nowhere"/],
  ['imports', UsageError, /no step "imports"/],
  ['inherited', UsageError, /no step "toString"/],
  ['no export', LinkError, /g/],
  ['state', UsageError, /state for step end cannot go/],
  ['output', UsageError, /output cannot go/],
] as const)
  test(`a step that goes wrong is told: ${input}`, async (t) => {
    await t.throwsAsync(submitOdd(input).result, { instanceOf, message });
  });

test('a job module that cannot be loaded is told', async (t) => {
  const job = pool.submit({ module: odd, program: new URL('../fixtures/none.ts', import.meta.url) });
  await t.throwsAsync(job.result, { instanceOf: UsageError, message: /none\.ts cannot be loaded/ });
  t.throws(() => pool.submit({ module: odd, program: './relative.js' }), {
    instanceOf: UsageError,
    message: /absolute/,
  });
});
