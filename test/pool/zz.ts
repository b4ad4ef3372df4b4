import { Pool } from '../../src/pool/index.ts';
import { arithmetic, summing, moduleOf } from './guests.ts';
const big = await moduleOf(`(module (memory (export "memory") 2048)
  (func (export "count") (param i32) (result i32) (local i32)
    (loop $again
      (local.set 1 (i32.add (local.get 1) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get 1) (local.get 0))))
    (local.get 1)))`);
const pool = new Pool({ threads: 2 });
for (const [name, module] of [['none', arithmetic], ['4 pages', summing], ['128MiB', big]] as const) {
  for (const affinity of ['keep', 'spread'] as const) {
  const e = module === summing ? 'sum' : 'count';
  const mk = () => pool.submit({ module, export: e, args: [60000], sliceFuel: 1000, affinity });
  await mk().result;
  const t = performance.now(), c = process.cpuUsage();
  const job = mk(); await job.result;
  const ms = performance.now() - t, u = process.cpuUsage(c);
  const s = job.stats;
  console.log(name, affinity, 'slices', s.slices, 'wall/slice', (ms*1000/s.slices).toFixed(0)+'us', 'cpu/slice', ((u.user+u.system)/s.slices).toFixed(0), 'moving/slice', (s.movingMs*1000/s.slices).toFixed(0), 'guest/slice', (s.guestMs*1000/s.slices).toFixed(0), 'moves', s.moves);
}}
console.log(process.memoryUsage());
await pool.close();
