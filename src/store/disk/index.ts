// The public names of `wasbox/store` in Node.

export * from '../index.ts';
export { openStore, type StoreOptions } from './client.ts';
