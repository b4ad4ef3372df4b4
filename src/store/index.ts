/**
 * The public names of `wasbox/store`: where state is kept. In Node also `openStore`, a store on disk.
 *
 * @module wasbox/store
 */

export { StoreError, type StoreReason } from '../spec/errors.ts';
export { blobName } from './form.ts';
export { memoryStore } from './memory.ts';
export type {
  Collected,
  Commit,
  Head,
  HeadChange,
  HeadState,
  KeptBlob,
  ListOptions,
  NewBlob,
  Store,
} from './types.ts';
