// Native code takes no more of the host's stack for a frame than is counted for it: deep recursion is left in time only then.
// V8 prints the code that it makes of QuickJS, which has one function of 545 safe points, in both of its compilers.

import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { Module } from '../../src/index.ts';
import { rewriteBytes } from '../../src/rewrite/module/module.ts';
import { boundless } from '../../src/rewrite/read/growth.ts';
import { shapeOf } from '../../src/rewrite/read/shape-reader.ts';

const file = '@jitl/quickjs-wasmfile-release-sync/dist/emscripten-module.wasm';
const module = Module.from(readFileSync(new URL(`../../node_modules/${file}`, import.meta.url)));
const { bytes } = rewriteBytes(module, false, 'quickjs');
const { importedFuncs, funcs } = module.context;
const imports = WebAssembly.Module.imports(new WebAssembly.Module(bytes)).filter(({ kind }) => kind === 'function');

/** Bytes that V8 takes off its stack in each function of the rewritten module, by index, besides the two words of a call. */
function framesOf(compiler: string): Map<number, number> {
  const folder = mkdtempSync(join(tmpdir(), 'wasbox-frames-'));
  try {
    const [wasm, script, printed] = ['a.wasm', 'a.cjs', 'out.txt'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(wasm, bytes);
    writeFileSync(script, `new WebAssembly.Module(require('fs').readFileSync(${JSON.stringify(wasm)}))`);
    const out = openSync(printed, 'w');
    execFileSync(process.execPath, [compiler, '--no-wasm-lazy-compilation', '--print-wasm-code', script], {
      stdio: ['ignore', out, 'inherit'],
    });
    closeSync(out);
    const frames = new Map<number, number>();
    let index = -1;
    for (const [, at, size] of readFileSync(printed, 'latin1').matchAll(/^index: (\d+)|subq rsp,(0x[0-9a-f]+)/gm))
      if (at !== undefined) index = Number(at);
      else frames.set(index, Math.max(frames.get(index) ?? 0, Number(size)));
    return frames;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What V8 prints differs by processor. */
const onX64 = process.arch === 'x64' ? test : test.skip;

for (const compiler of ['--no-liftoff', '--liftoff-only'])
  onX64(`no frame is larger than it is counted: ${compiler}`, (t) => {
    const frames = framesOf(compiler);
    let seen = 0;
    for (let func = importedFuncs; func < funcs.length; func++) {
      const taken = frames.get(func - importedFuncs + imports.length);
      if (taken === undefined) continue;
      seen++;
      const counted = shapeOf(module.context, func, boundless).frameBytes;
      if (taken + 16 > counted) t.fail(`function ${func}: ${taken} bytes and two words, counted as ${counted}`);
    }
    t.true(seen > 1000, `${seen} functions`);
  });
