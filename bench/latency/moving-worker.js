// Receives a VM and sends it back at once; anything else comes back as it is.

import { parentPort } from 'node:worker_threads';
import { Module, VM } from 'wasbox';

const modules = [];

parentPort.on('message', ({ module, vm, sharedMemory, value }) => {
  if (module !== undefined) modules.push(Module.from(module));
  if (vm === undefined) return parentPort.postMessage(value);
  const { message, transfer } = VM.receive(vm, { modules, sharedMemory }).send();
  parentPort.postMessage(message, transfer);
});
