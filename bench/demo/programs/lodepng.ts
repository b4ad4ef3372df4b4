// lodepng decodes what node:zlib packed, and node:zlib unpacks what lodepng encodes.

import { isDeepStrictEqual } from 'node:util';
import { type Image, readPng, writePng } from '../png.ts';
import { type Job, noise, type Program, packageModule, stepsOf } from '../program.ts';

const module = packageModule('@cwasm/lodepng', 'lodepng.wasm');

/** Smooth colours with some noise, so that there is something to pack. */
function picture(width: number, height: number, seed: number): Image {
  const grain = noise(width * height * 4, seed);
  const pixels = grain.map((value, i) => ((i % 4) * 60 + Math.floor(i / (4 * width)) + (value & 7)) & 255);
  return { width, height, pixels };
}

function decoding(image: Image): Job {
  return {
    name: `decode ${image.width}x${image.height}`,
    module,
    input: { decode: writePng(image) },
    check: (output) => isDeepStrictEqual(output, image),
  };
}

function encoding(image: Image): Job {
  return {
    name: `encode ${image.width}x${image.height}`,
    module,
    input: { encode: image.pixels, width: image.width, height: image.height },
    check: (output) => isDeepStrictEqual(readPng(output as Uint8Array), image),
  };
}

export const lodepng: Program = {
  name: 'lodepng',
  from: 'C',
  steps: stepsOf('lodepng'),
  sliceFuel: 500_000,
  jobs: [
    ...[96, 112, 128, 144, 160].map((size) => decoding(picture(size, size - 31, size))),
    ...[24, 32, 40, 48].map((size) => encoding(picture(size, size + 9, size))),
  ],
};
