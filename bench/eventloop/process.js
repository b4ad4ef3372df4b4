// One sample of section.ts, a process of its own: `file way export` are its arguments; prints what it has found.

import { existsSync, readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { Module } from 'wasbox';
import { Pool } from 'wasbox/pool';

const [file, way, name] = process.argv.slice(2);
const bytes = new Uint8Array(readFileSync(file));
/** Of other bytes. */
const second = new Uint8Array([...bytes.subarray(0, 8), 0, 2, 1, 0x6d, ...bytes.subarray(8)]);

const pool = new Pool({ threads: 2 });
await pool.ready;
const run = (module, engine = 'auto') => {
  const host = new URL('./host.js', import.meta.url);
  return pool.submit({ module, export: name, args: [], host, engine }).result;
};
const gojs = new Proxy({}, { get: () => () => {} });

const ways = {
  idle: () => sleep(1000),
  from: () => Module.from(bytes),
  compile: () => Module.compile(bytes),
  again: () => Module.compile(second),
  host: () => WebAssembly.compile(bytes),
  'from, pool': () => run(Module.from(bytes)),
  'compile, pool': async () => run(await Module.compile(bytes)),
  'bytes, pool': () => run(bytes),
  'compile, pool, native': async () => run(await Module.compile(bytes), 'native'),
  'host, instance': async () => (await WebAssembly.instantiate(bytes, { gojs })).instance.exports[name](),
};

// All that a process has to do once is done.
await pool.submit({ module: Module.from(readFileSync(process.argv[5])), export: 'run', args: [1] }).result;
if (way === 'again') await Module.compile(bytes);
await sleep(300);

/** Milliseconds for which this thread, the process's first one, has had a processor; Linux tells that. */
const stat = '/proc/self/schedstat';
const busy = existsSync(stat) ? () => Number(readFileSync(stat, 'utf8').split(' ')[0]) / 1e6 : () => Number.NaN;

let block = 0;
let own = 0;
let last = performance.now();
let lastBusy = busy();
const timer = setInterval(() => {
  const now = performance.now();
  const nowBusy = busy();
  block = Math.max(block, now - last - 1);
  own = Math.max(own, nowBusy - lastBusy);
  last = now;
  lastBusy = nowBusy;
}, 1);
const monitor = monitorEventLoopDelay({ resolution: 1 });
monitor.enable();
await sleep(20);
block = 0;
own = 0;
monitor.reset();
// Node's count goes by the time between two turns, and begins with the second one after that.
await sleep(20);
const started = performance.now();
await ways[way]();
const taken = performance.now() - started;
await sleep(20);
clearInterval(timer);
monitor.disable();
console.log(JSON.stringify({ block, own, told: monitor.max / 1e6, taken }));
await pool.close();
