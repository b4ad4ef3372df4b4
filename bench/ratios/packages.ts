// Programs that are driven by the scripts of their packages, unchanged: compressors, a JavaScript engine, a data base, a
// bundler.

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { newQuickJSWASMModuleFromVariant } from 'quickjs-emscripten-core';
import { noise, packageFile, packagePath } from '../demo/program.ts';
import { runEsbuild, type World } from './esbuild.ts';
import { loadWith } from './glue.ts';
import type { Task } from './task.ts';

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Words in an order that is the same in every run. */
function prose(length: number): Uint8Array {
  const words = 'the of and to in that was his he it with is for as had you not be her on at by which have or'.split(
    ' ',
  );
  const order = noise(length / 2, 11);
  const text = Array.from(order, (value) => words[value % words.length]).join(' ');
  return new TextEncoder().encode(text).subarray(0, length);
}

interface Brotli {
  compress(bytes: Uint8Array, options: { quality: number }): Uint8Array;
  decompress(bytes: Uint8Array): Uint8Array;
}

const brotli: Task = {
  name: 'brotli',
  modules: [packageFile('brotli-wasm', 'pkg.node/brotli_wasm_bg.wasm')],
  async prepare(wasm) {
    const { compress, decompress } = loadWith<Brotli>(wasm, packagePath('brotli-wasm', 'pkg.node/brotli_wasm.js'));
    const text = prose(300_000);
    return () => {
      const packed = compress(text, { quality: 5 });
      return `${digest(packed)} ${Buffer.compare(decompress(packed), text)}`;
    };
  },
};

interface Zstd {
  init(): Promise<void>;
  compress(bytes: Uint8Array, level: number): Uint8Array;
  decompress(bytes: Uint8Array): Uint8Array;
}

const zstd: Task = {
  name: 'zstd',
  modules: [packageFile('@bokuweb/zstd-wasm', 'dist/common/zstd.wasm')],
  async prepare(wasm) {
    const file = packagePath('@bokuweb/zstd-wasm', 'dist/common/index.node.js');
    const { init, compress, decompress } = loadWith<Zstd>(wasm, file);
    await init();
    const text = prose(400_000);
    return () => {
      const packed = compress(text, 6);
      return `${digest(packed)} ${Buffer.compare(decompress(packed), text)}`;
    };
  },
};

const script = `
function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
class Node { constructor(key) { this.key = key; this.left = this.right = null; } }
function insert(node, key) {
  if (node === null) return new Node(key);
  if (key < node.key) node.left = insert(node.left, key); else node.right = insert(node.right, key);
  return node;
}
function depth(node) { return node === null ? 0 : 1 + Math.max(depth(node.left), depth(node.right)); }
let tree = null, state = 7;
for (let i = 0; i < 2000; i++) tree = insert(tree, state = (state * 16807) % 2147483647);
const words = [];
for (let i = 0; i < 2000; i++) words.push('w' + ((i * 7919) % 2003));
const text = words.sort().map((word) => word.replace(/[0-4]/g, (d) => d + d)).join(',');
let sum = 0;
for (let i = 0; i < 40000; i++) sum = (sum + Math.sqrt(i) * (i & 3)) % 1e6;
JSON.stringify([fib(20), depth(tree), text.length, text.slice(500, 520), sum]);
`;

const quickjs: Task = {
  name: 'quickjs',
  modules: [packageFile('@jitl/quickjs-wasmfile-release-sync', 'dist/emscripten-module.wasm')],
  async prepare(wasm) {
    const file = (name: string) => packagePath('@jitl/quickjs-wasmfile-release-sync', `dist/${name}`);
    const loader = loadWith<never>(wasm, file('emscripten-module.cjs'));
    const { QuickJSFFI } = loadWith<{ QuickJSFFI: never }>(wasm, file('ffi.js'));
    const quick = await newQuickJSWASMModuleFromVariant({
      type: 'sync',
      importFFI: async () => QuickJSFFI,
      importModuleLoader: async () => loader,
    });
    return () => quick.evalCode(script);
  },
};

interface SqlDatabase {
  run(sql: string): void;
  exec(sql: string): { values: unknown[][] }[];
}

const sqlJs: Task = {
  name: 'sql.js',
  modules: [packageFile('sql.js', 'dist/sql-wasm.wasm')],
  async prepare(wasm) {
    const init = loadWith<(options: object) => Promise<{ Database: new () => SqlDatabase }>>(
      wasm,
      packagePath('sql.js', 'dist/sql-wasm.js'),
    );
    const db = new (await init({ locateFile: (file: string) => packagePath('sql.js', `dist/${file}`) })).Database();
    db.run(`CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, v REAL);
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)
      INSERT INTO t SELECT i, 'n' || (i * 7919 % 257), i / 7.0 FROM n;`);
    return () =>
      JSON.stringify(
        db
          .exec(`SELECT name, count(*), sum(id), round(sum(v), 4) FROM t GROUP BY name ORDER BY 3 DESC LIMIT 5;
          SELECT count(*) FROM t a JOIN t b ON b.id = (a.id * 31) % 4000 + 1 WHERE a.name < b.name;
          WITH RECURSIVE f(n, x) AS (SELECT 0, 1 UNION ALL SELECT n + 1, (x * 75 + 74) % 65537 FROM f WHERE n < 20000)
          SELECT sum(x) FROM f;
          SELECT sum(w) FROM (SELECT sum(id) OVER (ORDER BY v ROWS 9 PRECEDING) AS w FROM t);`)
          .map(({ values }) => values),
      );
  },
};

/** It bundles files of this checkout. */
const esbuild: Task = {
  name: 'esbuild, bundle',
  modules: [packageFile('esbuild-wasm', 'esbuild.wasm')],
  large: true,
  async prepare(wasm) {
    const module = new wasm.Module(packageFile('esbuild-wasm', 'esbuild.wasm') as BufferSource);
    const entry = packagePath('fast-check', 'lib/fast-check.js');
    const args = [entry, '--bundle', '--minify', '--format=esm', '--platform=node', '--log-level=error'];
    const world: World = { fs: { ...fs }, process, crypto, performance, Date };
    return async () => {
      const { code, output } = await runEsbuild(wasm, module, args, world);
      return `${code} ${digest(output)}`;
    };
  },
};

export const packageTasks: readonly Task[] = [brotli, zstd, quickjs, sqlJs, esbuild];
