// Decoding a PNG with lodepng in an instance of the host's, as bench/demo/jobs/lodepng.js does it in a VM.

const header = 12;

interface Lodepng {
  readonly memory: WebAssembly.Memory;
  _initialize(): void;
  malloc(size: number): number;
  free(at: number): void;
  lodepng_decode32(pixels: number, width: number, height: number, png: number, size: number): number;
}

export function decodePng(exports: WebAssembly.Exports, png: Uint8Array): object {
  const { memory, _initialize, malloc, free, lodepng_decode32 } = exports as unknown as Lodepng;
  _initialize();
  const at = malloc(header + png.length);
  new Uint8Array(memory.buffer).set(png, at + header);
  const error = lodepng_decode32(at, at + 4, at + 8, at + header, png.length);
  if (error !== 0) throw new Error(`lodepng: error ${error}`);
  const bytes = new Uint8Array(memory.buffer);
  const [pixels = 0, width = 0, height = 0] = new Uint32Array(bytes.slice(at, at + header).buffer);
  const image = { width, height, pixels: bytes.slice(pixels, pixels + width * height * 4) };
  free(pixels);
  free(at);
  return image;
}
