// Twelve thousand damaged snapshots, always the same ones: each is refused with a SnapshotError, or is as good as any
// other. WASBOX_FUZZ=10 makes it ten times as many.

import test, { type ExecutionContext } from 'ava';
import { CrashError, LimitError, LinkError, Snapshot, SnapshotError, VM, WasboxError } from '../../src/index.ts';
import { restoreStore } from '../../src/snapshot/restore.ts';
import { container, type Part, partsOf, unpacked } from './container.ts';
import { guest, imports, limits, suspended, waiting } from './guest.ts';

/** Numbers below `n`, the same for the same seed. */
function random(seed: number): (n: number) => number {
  let state = seed | 0;
  return (n) => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) % n;
  };
}
type Random = ReturnType<typeof random>;

const times = Number(process.env.WASBOX_FUZZ ?? 1);

const odd = [0, 1, -1, 2, 3, 4, 5, -2, 255, 4096, 65536, 2 ** 31 - 1, -(2 ** 31), 1e6];

/** Damages a copy of the bytes, by bits, bytes, words, or by moving a piece. */
function damaged(bytes: Uint8Array, next: Random): Uint8Array {
  const copy = bytes.slice();
  for (let times = 1 + next(3); times > 0 && copy.length > 8; times--) {
    const at = next(copy.length);
    const kind = next(5);
    if (kind === 0) copy[at] = (copy[at] as number) ^ (1 << next(8));
    else if (kind === 1) copy[at] = next(256);
    else if (kind === 2) copy.copyWithin(at, next(copy.length), next(copy.length));
    else new DataView(copy.buffer).setInt32(Math.min(at & ~3, copy.length - 4), odd[next(odd.length)] as number, true);
  }
  return next(20) === 0 ? copy.subarray(0, next(copy.length)) : copy;
}

/** What became of the damaged ones. */
interface Tally {
  refused: number;
  taken: number;
}

/** Decodes and restores; whatever is taken must run like any other VM. */
async function check(t: ExecutionContext, tally: Tally, what: string, make: () => Snapshot): Promise<void> {
  try {
    const { data } = make();
    const modules = [await guest];
    for (const memory of restoreStore(data, { modules, limits }).memories) memory.release();
    tally.taken++;
    const vm = VM.restore(new Snapshot(data), { modules, imports, limits });
    vm.run({ fuel: 2_000 });
    if (vm.status === 'suspended') vm.save().encode();
    vm.dispose();
  } catch (error) {
    if (error instanceof SnapshotError || error instanceof LimitError) tally.refused++;
    else if (!(error instanceof LinkError))
      t.fail(`${what}: ${error instanceof WasboxError ? error.code : ''} ${(error as Error).stack}`);
    t.false(error instanceof CrashError, what);
  }
}

async function encodings(): Promise<Uint8Array[]> {
  return [
    (await suspended(150)).save().encode(),
    (await waiting()).save().encode(),
    (await suspended(20)).save().encode(),
  ];
}

test('bytes are damaged: 2,000', async (t) => {
  const tally = { refused: 0, taken: 0 };
  const originals = await encodings();
  for (let seed = 0; seed < 2_000 * times; seed++) {
    const bytes = damaged(originals[seed % originals.length] as Uint8Array, random(seed));
    await check(t, tally, `seed ${seed}`, () => Snapshot.decode(bytes));
  }
  t.true(tally.refused > 1_900);
});

test('parts are damaged and checksums repaired: 8,000', async (t) => {
  const tally = { refused: 0, taken: 0 };
  const originals = (await encodings()).map((bytes) => partsOf(bytes).map(unpacked));
  const start = performance.now();
  for (let seed = 0; seed < 8_000 * times; seed++) {
    const next = random(seed + 1_000_000);
    const parts = (originals[seed % originals.length] as Part[]).slice();
    // Metadata and words, which come first, are what matters.
    const i = next(10) === 0 ? next(parts.length) : next(2);
    const part = parts[i] as Part;
    const bytes = damaged(part.bytes, next);
    parts[i] = { ...part, bytes, size: next(50) === 0 ? next(5000) : bytes.length };
    await check(t, tally, `seed ${seed}`, () => Snapshot.decode(container(parts)));
  }
  t.log(tally, `${Math.round(performance.now() - start)} ms`);
  t.true(tally.refused > 5_000);
  t.true(tally.taken > 100);
});

test('records of the metadata are changed: 2,000', async (t) => {
  const tally = { refused: 0, taken: 0 };
  const parts = partsOf((await waiting()).save().encode()).map(unpacked);
  const records = JSON.parse(new TextDecoder().decode((parts[0] as Part).bytes)) as unknown[][];
  for (let seed = 0; seed < 2_000 * times; seed++) {
    const next = random(seed + 2_000_000);
    const changed = structuredClone(records);
    const record = changed[next(changed.length)] as unknown[];
    if (Array.isArray(record[1]) && record[1].length > 0 && next(2) === 0)
      record[1].splice(next(record[1].length), 1 + next(2));
    else if (Array.isArray(record[1]) && record[1].length > 0) record[1][next(record[1].length)] = next(changed.length);
    else record[1] = [odd[next(odd.length)], 'i32', '', null, true, 1.5][next(6)];
    const bytes = new TextEncoder().encode(JSON.stringify(changed));
    await check(t, tally, `seed ${seed}`, () =>
      Snapshot.decode(container([{ kind: 0, coding: 0, size: bytes.length, bytes }, ...parts.slice(1)])),
    );
  }
  t.true(tally.refused > 1_000);
});
