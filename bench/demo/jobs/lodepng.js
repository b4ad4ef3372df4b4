// Decodes or encodes a PNG: { decode: png } gives { width, height, pixels }, { encode: pixels, width, height } a PNG.

/** What lodepng says comes first: a pointer and two sizes. */
const header = 12;

export const start = (_guest, task) => ({ call: '_initialize', next: 'allocate', state: task });

export const allocate = (_guest, task) => {
  const { length } = task.decode ?? task.encode;
  return { call: 'malloc', args: [header + length], next: 'work', state: task };
};

export const work = (guest, { decode, encode, width, height }, [at]) => {
  guest.memory('memory').bytes.set(decode ?? encode, at + header);
  return decode
    ? { call: 'lodepng_decode32', args: [at, at + 4, at + 8, at + header, decode.length], next: 'decoded', state: at }
    : { call: 'lodepng_encode32', args: [at, at + 4, at + header, width, height], next: 'encoded', state: at };
};

export const decoded = (guest, at, [error]) => {
  const { bytes } = guest.memory('memory');
  const [pixels, width, height] = answer(bytes, at, error);
  return { done: { width, height, pixels: bytes.slice(pixels, pixels + width * height * 4) } };
};

export const encoded = (guest, at, [error]) => {
  const { bytes } = guest.memory('memory');
  const [png, size] = answer(bytes, at, error);
  return { done: bytes.slice(png, png + size) };
};

function answer(bytes, at, error) {
  if (error !== 0) throw new Error(`lodepng: error ${error}`);
  return new Uint32Array(bytes.slice(at, at + header).buffer);
}
