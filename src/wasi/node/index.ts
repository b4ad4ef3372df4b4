// The public names of `wasbox/wasi` on Node: those of all hosts, and what needs Node.

export { type FolderOptions, folderFiles } from '../folder/source.ts';
export * from '../index.ts';
export { WASI, type WASIOptions } from './class.ts';
