// as-sha256, its scalar build: digests checked with node:crypto.

import { createHash } from 'node:crypto';
import { type Job, noise, type Program, packageModule, sameBytes, stepsOf } from '../program.ts';

const module = packageModule('@chainsafe/as-sha256', 'build/optimized.wasm');

function hashing(length: number): Job {
  const input = noise(length, length);
  return {
    name: `hash ${length} bytes`,
    module,
    input,
    check: (output) => sameBytes(output, createHash('sha256').update(input).digest()),
  };
}

export const asSha256: Program = {
  name: 'as-sha256',
  from: 'AssemblyScript',
  steps: stepsOf('as-sha256'),
  sliceFuel: 100_000,
  jobs: [12_000, 16_000, 20_000, 24_000, 28_000, 32_000, 36_000, 40_000].map(hashing),
};
