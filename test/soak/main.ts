// A soak by hand: `npm run soak -- --jobs N --kinds trivial,modules --threads N --samples N --modules MiB`, or `--seconds N`. Tells what
// the process holds as it goes on, and fails where that is not flat from the first to the last quarter.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Pool } from '../../src/pool/index.ts';
import { bounds } from '../../src/pool/line/bounds.ts';
import { openStore } from '../../src/store/disk/index.ts';
import { type KindName, kindNames, kinds } from './kinds.ts';
import { changes, isFlat, type Sample, sample, toText } from './measure.ts';

const { values } = parseArgs({
  options: {
    kinds: { type: 'string', default: kindNames.join() },
    jobs: { type: 'string' },
    seconds: { type: 'string', default: '60' },
    threads: { type: 'string', default: '2' },
    samples: { type: 'string', default: '16' },
    /** MiB of modules that a thread keeps; short runs fill no more than a little. */
    modules: { type: 'string', default: '16' },
  },
});
const chosen = values.kinds.split(',').map((name) => {
  if (!kindNames.includes(name as KindName)) throw new Error(`a kind is one of ${kindNames.join(', ')}; not ${name}`);
  return name as KindName;
});
const most = values.jobs === undefined ? undefined : Number(values.jobs);
const started = performance.now();
bounds.threadModules = Number(values.modules) * 2 ** 20;
const folder = mkdtempSync(join(tmpdir(), 'wasbox-soak-'));
const store = await openStore(folder);
// Most of what waits gives up its VM.
const pool = new Pool({ threads: Number(values.threads), store, awakeBytes: 2 ** 16 });
const samples: Sample[] = [];
let jobs = 0;

const seconds = () => (performance.now() - started) / 1000;
/** From 0 to 1. */
const progress = () => (most === undefined ? seconds() / Number(values.seconds) : jobs / most);
const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(1);

for (let batch = 0; progress() < 1; batch++) {
  for (const name of chosen) jobs += await kinds[name](pool, batch);
  // Else the file has room for what jobs leave behind between two collections, which is how fast the machine is.
  await store.collect();
  if (samples.length > progress() * Number(values.samples) - 1) continue;
  const taken = await sample(pool, { store, folder });
  samples.push(taken);
  const { main, threads, rss, kept } = taken;
  console.log(
    `${jobs} jobs, ${seconds().toFixed(0)} s: rss ${mib(rss)}, main heap ${mib(main.heap)}, threads' heaps ${mib(threads.heap)} MiB; ${threads.memories} memories, ${threads.stores} stores and ${threads.modules} modules on threads, ${main.memories}, ${main.stores} and ${main.modules} here; ${kept.heads} jobs in the store, whose file has ${mib(kept.file)} MiB`,
  );
}
assert.equal(pool.stats.jobs, 0, 'all jobs have ended');
await pool.close();
await store.close();
rmSync(folder, { recursive: true, force: true });
for (const change of changes(samples)) {
  const flat = isFlat(change);
  console.log(`${flat ? 'flat' : 'GROWS'}  ${toText(change)}`);
  if (!flat) process.exitCode = 1;
}
