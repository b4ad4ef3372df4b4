// Just enough of PNG to check a codec against node:zlib: 8-bit RGBA. Written without filters, read with all of them.
// https://www.w3.org/TR/png-3/

import { crc32, deflateSync, inflateSync } from 'node:zlib';

export interface Image {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8Array;
}

const signature = Buffer.from('89504e470d0a1a0a', 'hex');
const pixelBytes = 4;

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const check = Buffer.alloc(4);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
}

export function writePng({ width, height, pixels }: Image): Uint8Array {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  header.set([8, 6], 8);
  const row = width * pixelBytes;
  const rows = Array.from({ length: height }, (_, y) => [Buffer.alloc(1), pixels.subarray(y * row, (y + 1) * row)]);
  const data = deflateSync(Buffer.concat(rows.flat()));
  return new Uint8Array(
    Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', data), chunk('IEND', Buffer.alloc(0))]),
  );
}

export function readPng(bytes: Uint8Array): Image {
  const png = Buffer.from(bytes);
  const parts: Buffer[] = [];
  for (let at = signature.length; at < png.length; at += 12 + png.readUInt32BE(at))
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT')
      parts.push(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)));
  const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)];
  if (png[24] !== 8 || png[25] !== 6) throw new Error('not 8-bit RGBA');
  return { width, height, pixels: unfilter(inflateSync(Buffer.concat(parts)), width, height) };
}

/** Undoes the filter of each row. */
function unfilter(data: Uint8Array, width: number, height: number): Uint8Array {
  const row = width * pixelBytes;
  const out = new Uint8Array(row * height);
  for (let y = 0; y < height; y++) {
    const filter = filters[data[y * (row + 1)] as number] as Filter;
    for (let x = 0; x < row; x++) {
      const at = y * row + x;
      const left = x < pixelBytes ? 0 : (out[at - pixelBytes] as number);
      const up = y === 0 ? 0 : (out[at - row] as number);
      const corner = x < pixelBytes || y === 0 ? 0 : (out[at - row - pixelBytes] as number);
      out[at] = (data[y * (row + 1) + 1 + x] as number) + filter(left, up, corner);
    }
  }
  return out;
}

type Filter = (left: number, up: number, corner: number) => number;

const filters: readonly Filter[] = [
  () => 0,
  (left) => left,
  (_left, up) => up,
  (left, up) => (left + up) >> 1,
  (left, up, corner) => {
    const guess = left + up - corner;
    const [a, b, c] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)];
    if (a <= b && a <= c) return left;
    return b <= c ? up : corner;
  },
];
