// Runs the programs that the fused sequences are chosen on, and prints runs of neighbouring ops with their counts.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostFunction, type Instance, Module, VM } from '../../src/index.ts';
import { lengthAt, linksTo } from '../../src/interpret/lower/fuse.ts';
import { isFusible, ops, partName } from '../../src/interpret/machine/ops.ts';
import { counted } from './counts.ts';

const load = (file: string) => Module.from(readFileSync(new URL(`../../node_modules/${file}`, import.meta.url)));
/** Arguments that the function does not take are left out. */
const call = (i: Instance, name: string, ...args: unknown[]) => {
  const func = i.func(name);
  return i.vm.invoke(func, args.slice(0, i.vm.store.funcType(func.payload).params.length))[0] as number;
};
const bytesOf = (i: Instance) => i.memory('memory').bytes;

function lodepng(): void {
  const i = new VM().instantiate(load('@cwasm/lodepng/lodepng.wasm'));
  call(i, '_initialize');
  const [w, h] = [64, 48];
  const pixels = Uint8Array.from({ length: w * h * 4 }, (_, k) => (k * 7 + (k >> 6) * 13) & 255);
  const p = call(i, 'malloc', pixels.length);
  const out = call(i, 'malloc', 12);
  bytesOf(i).set(pixels, p);
  call(i, 'lodepng_encode32', out, out + 4, p, w, h);
  const at = (k: number) => new DataView(bytesOf(i).buffer).getUint32(out + 4 * k, true);
  call(i, 'lodepng_decode32', out, out + 4, out + 8, at(0), at(1));
}

function gofmt(): void {
  const i = new VM().instantiate(load('@wasm-fmt/gofmt/gofmt.wasm'));
  call(i, '_initialize');
  const source = new TextEncoder().encode(
    'package main\nimport ("os"\n"fmt")\nfunc  main( ){\nif x:=1;x>0{fmt.Println(x,os.Args) }}\n'.repeat(1),
  );
  const p = call(i, 'alloc', source.length);
  bytesOf(i).set(source, p);
  call(i, 'format');
}

function secp256k1(): void {
  const none = hostFunction([], ['i32'], () => 1);
  const i = new VM().instantiate(load('tiny-secp256k1/lib/secp256k1.wasm'), {
    './rand.js': { generateInt32: none },
    './validate_error.js': { throwError: hostFunction(['i32'], [], () => undefined) },
  });
  call(i, 'initializeContext');
  bytesOf(i).fill(0, i.global('PRIVATE_INPUT').value as number, (i.global('PRIVATE_INPUT').value as number) + 31);
  bytesOf(i)[(i.global('PRIVATE_INPUT').value as number) + 31] = 3;
  call(i, 'pointFromScalar', 33);
}

function sha256(): void {
  const abort = hostFunction(['i32', 'i32', 'i32', 'i32'], [], () => undefined);
  const i = new VM().instantiate(load('@chainsafe/as-sha256/build/optimized.wasm'), { env: { abort } });
  call(i, 'init');
  const data = createHash('sha512').update('wasbox').digest();
  bytesOf(i).set(data, i.global('input').value as number);
  for (let k = 0; k < 50; k++) call(i, 'update', i.global('input').value, data.length);
  call(i, 'final', i.global('output').value);
}

function digest(name: string, bits: number): void {
  const script = readFileSync(
    new URL(`../../node_modules/hash-wasm/dist/${name}.umd.min.js`, import.meta.url),
    'latin1',
  );
  const module = Module.from(Buffer.from(/data:"(AGFzb[\w+/=]+)"/.exec(script)?.[1] as string, 'base64'));
  const i = new VM().instantiate(module);
  const buffer = call(i, 'Hash_GetBuffer');
  // Short inputs too: how a digest ends is as much a part of it as how it goes on.
  for (const parts of [1, 1, 1, 1, 40]) {
    call(i, 'Hash_Init', bits);
    bytesOf(i).set(createHash('sha512').update(name).digest(), buffer);
    for (let k = 0; k < parts; k++) call(i, 'Hash_Update', 64);
    call(i, 'Hash_Final', 0x06);
  }
}

for (const run of [lodepng, gofmt, secp256k1, sha256]) run();
const digests = [
  ['blake2b', 512],
  ['sha3', 512],
  ['md5', 0],
  ['xxhash64', 0],
  ['xxhash128', 0],
  ['whirlpool', 0],
] as const;
for (const [name, bits] of digests) digest(name, bits);

/** Each program weighs the same, however long it ran. */
const weight = (counts: Float64Array) => 1e9 / counts.reduce((a, b) => a + b, 0);

/** An op with how often it ran, and its names as a part of sequences that begin with it, with the one before, … */
type Item = { count: number; names: string[] };
/** Ops before one that hand something to it. */
const furthest = 5;

const traces = [...counted].flatMap(([code, counts]) => {
  const found: Item[][] = [];
  const scale = weight(counts);
  const { words } = code;
  for (const lowered of code.lowered.folded) {
    if (lowered === undefined) continue;
    let trace: Item[] = [];
    let offsets: number[] = [];
    const end = () => {
      if (trace.length > 1) found.push(trace);
      trace = [];
      offsets = [];
    };
    for (let at = lowered.entry; at < lowered.end; at += lengthAt(words, at)) {
      const op = ops[words[at] as number];
      const count = Math.round((counts[at] as number) * scale);
      if (op === undefined) break;
      if (count > 0) {
        offsets.push(at);
        const names = Array.from({ length: Math.min(offsets.length, furthest + 1) }, (_, k) =>
          partName(op.name, linksTo(words, offsets.slice(offsets.length - 1 - k), lowered.temps)),
        );
        trace.push({ count, names });
      }
      if (count === 0 || !isFusible(op)) end();
    }
    end();
  }
  return found;
});
console.log(JSON.stringify(traces));
