// The public names of `wasbox/wasi`. Nothing here needs Node.

export { type ImageOptions, imageFiles } from './files/image/source.ts';
export { tarContents } from './files/image/tar.ts';
export type { FileLimits } from './files/limits.ts';
export { type MemoryFilesOptions, memoryFiles } from './files/memory/source.ts';
export { mounts } from './files/mounts/source.ts';
export type { Content, Contents, Data, DatedFile, SymbolicLink } from './files/tree.ts';
export type { FileSource } from './files/types.ts';
export type { WasiOptions } from './options.ts';
export type { ClockOption, FixedClock } from './system/clock.ts';
export type { RandomOption } from './system/random.ts';
export type {
  Chunk,
  InputOption,
  NodeWritable,
  OutputOption,
  Reader,
  WebReadable,
  WebWritable,
  Writer,
} from './system/streams.ts';
export type { StreamName, WasiLimits } from './system/system.ts';
export { exitCodeOf, type Left, Wasi, type WasiImports, wasi } from './wasi.ts';
