// The entry of the pool's threads.

export { slice as default } from '../src/pool/thread/worker.ts';
