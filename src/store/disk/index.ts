// The public names of `wasbox/store` in Node.

export * from '../index.ts';
export { type LargeOptions, openStore, type StoreOptions } from '../open/open.ts';
