// Runs a guest until it is asked to stop, and hands over its state: saved to bytes, or sent as it is.

import { parentPort, workerData } from 'node:worker_threads';
import { Module, VM } from 'wasbox';

const { pause, bytes, arg, engine, form } = workerData;
const module = Module.from(bytes);
const options = { engine, sharedMemory: true };
let vm = new VM(options);
vm.start(vm.instantiate(module).func('run'), [arg]);

parentPort.on('message', (message) => {
  if (message !== null) vm = VM.receive(message, { ...options, modules: [module] });
  parentPort.postMessage('running');
  const { status } = vm.run({ pause });
  if (status !== 'suspended') throw new Error(`the guest has ${status}`);
  if (form === 'bytes') return parentPort.postMessage(vm.save().encode());
  const { message: sent, transfer } = vm.send();
  parentPort.postMessage(sent, transfer);
});
