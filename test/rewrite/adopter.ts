// A thread that is given compiled code, and runs it.

import { parentPort, workerData } from 'node:worker_threads';
import { Module, VM } from '../../src/index.ts';
import { adopt, isRewritten, rewritten } from '../../src/rewrite/module/module.ts';
import { show } from './differential.ts';

const module = Module.from(workerData.bytes);
const before = isRewritten(module);
adopt(module, workerData.compiled);
const after = isRewritten(module, false) && isRewritten(module, true);
const outcomes = (workerData.arguments as number[]).map((argument) => {
  const vm = new VM({ engine: 'native' });
  vm.start(vm.instantiate(module).func('run'), [argument]);
  return show(vm.run());
});
const kept = rewritten(module, false).compiled === workerData.compiled.get(false).compiled;
parentPort?.postMessage({ before, after, kept, outcomes });
