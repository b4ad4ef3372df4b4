// The public names of `wasbox/store` in Node.

export * from '../index.ts';
export { openStore } from './client.ts';
