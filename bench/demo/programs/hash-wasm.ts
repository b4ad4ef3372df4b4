// hash-wasm: one small module a digest, which its package carries as base64 in its scripts.

import { createHash } from 'node:crypto';
import { Module } from 'wasbox';
import { type Job, noise, type Program, packageFile, sameBytes, stepsOf } from '../program.ts';

/** The module that the package's script for a digest holds. */
export function hashModule(name: string): Module {
  const script = Buffer.from(packageFile('hash-wasm', `dist/${name}.umd.min.js`)).toString('latin1');
  const base64 = /data:"(AGFzb[\w+/=]+)"/.exec(script)?.[1];
  if (base64 === undefined) throw new Error(`hash-wasm's script for ${name} holds no module`);
  return Module.from(Buffer.from(base64, 'base64'));
}

interface Arguments {
  readonly init: readonly number[];
  readonly final: readonly number[];
}
const none: Arguments = { init: [], final: [] };
const bits = (init: number): Arguments => ({ init: [init], final: [] });
/** SHA-3 differs from Keccak in its padding alone. */
const sha3: Arguments = { init: [512], final: [6] };

function hashing(name: string, given: Arguments, known: string, length: number): Job {
  const bytes = noise(length, length);
  const digest = createHash(known).update(bytes).digest();
  return {
    name: `${name} of ${length} bytes`,
    module: hashModule(name),
    input: { bytes, ...given, size: digest.length },
    check: (output) => sameBytes(output, digest),
  };
}

export const hashWasm: Program = {
  name: 'hash-wasm',
  from: 'C',
  steps: stepsOf('hash-wasm'),
  sliceFuel: 80_000,
  jobs: [
    hashing('md5', none, 'md5', 100_000),
    hashing('sha1', none, 'sha1', 60_000),
    hashing('sha256', bits(256), 'sha256', 50_000),
    hashing('sha512', bits(512), 'sha512', 50_000),
    hashing('sha3', sha3, 'sha3-512', 40_000),
    hashing('blake2b', bits(512), 'blake2b512', 60_000),
    hashing('blake2s', bits(256), 'blake2s256', 60_000),
    hashing('ripemd160', none, 'ripemd160', 50_000),
    hashing('sm3', none, 'sm3', 40_000),
  ],
};
