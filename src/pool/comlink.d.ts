// Comlink's adapter for Node comes without types that Node's module resolution can find.
declare module 'comlink/dist/esm/node-adapter.mjs' {
  import type { Worker } from 'node:worker_threads';
  import type { Endpoint } from 'comlink';
  export default function nodeEndpoint(worker: Worker): Endpoint;
}
