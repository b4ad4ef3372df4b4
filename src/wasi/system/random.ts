// Random numbers for a guest: the host's, or a sequence that follows from a seed and is the same wherever the VM goes on.

import { SnapshotError } from '../../spec/errors.ts';

/** `live`: the host's; or a seed, of which 64 bits count. */
export type RandomOption = 'live' | number | bigint;

export type SavedRandom = 'live' | readonly number[];

export interface Random {
  fill(bytes: Uint8Array): void;
  save(): SavedRandom;
}

export const randomOf = (option: RandomOption): Random =>
  option === 'live' ? live : new Seeded(seeded(BigInt.asUintN(64, BigInt(option))));

/** Throws SnapshotError. */
export function restoreRandom(saved: unknown): Random {
  if (saved === 'live') return live;
  const words: unknown[] = Array.isArray(saved) ? saved : [];
  if (words.length !== 4 || !words.every((word) => Number.isInteger(word) && word === (word as number) >>> 0))
    throw new SnapshotError('no random numbers', 'state of wasi');
  return new Seeded(Uint32Array.from(words as number[]));
}

/** The host gives no more at once, and not to shared memory. */
const atOnce = 65_536;

const live: Random = {
  fill(bytes) {
    for (let at = 0; at < bytes.length; at += atOnce)
      bytes.set(crypto.getRandomValues(new Uint8Array(Math.min(atOnce, bytes.length - at))), at);
  },
  save: () => 'live',
};

/** SplitMix64, as is usual to spread a seed over a larger state. https://prng.di.unimi.it/splitmix64.c */
function seeded(seed: bigint): Uint32Array {
  const words = new Uint32Array(4);
  for (let i = 0; i < words.length; i++) {
    seed = BigInt.asUintN(64, seed + 0x9e3779b97f4a7c15n);
    let z = BigInt.asUintN(64, (seed ^ (seed >> 30n)) * 0xbf58476d1ce4e5b9n);
    z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
    words[i] = Number((z ^ (z >> 31n)) >> 32n);
  }
  return words;
}

const rotated = (x: number, k: number): number => (x << k) | (x >>> (32 - k));

/** xoshiro128**: fast and even, and no secret to anybody. https://prng.di.unimi.it/xoshiro128starstar.c */
class Seeded implements Random {
  constructor(private readonly s: Uint32Array) {}

  fill(bytes: Uint8Array): void {
    for (let i = 0, word = 0; i < bytes.length; i++, word >>>= 8) {
      if (i % 4 === 0) word = this.next();
      bytes[i] = word;
    }
  }

  private next(): number {
    const { s } = this;
    const [s0, s1, s2, s3] = s as unknown as [number, number, number, number];
    const result = Math.imul(rotated(Math.imul(s1, 5), 7), 9);
    s[2] = s2 ^ s0;
    s[3] = s3 ^ s1;
    s[1] = s1 ^ (s[2] as number);
    s[0] = s0 ^ (s[3] as number);
    s[2] = (s[2] as number) ^ (s1 << 9);
    s[3] = rotated(s[3] as number, 11);
    return result;
  }

  save(): SavedRandom {
    return [...this.s];
  }
}
