// Binaryen on a thread of its own, where nothing transforms its fourteen megabytes of source before they run.

import { parentPort } from 'node:worker_threads';
import binaryen from 'binaryen';

const { Features } = binaryen;
const features =
  Features.MutableGlobals |
  Features.SignExt |
  Features.NontrappingFPToInt |
  Features.BulkMemory |
  Features.BulkMemoryOpt |
  Features.ReferenceTypes |
  Features.Multivalue |
  Features.SIMD128;

/**
 * Asyncify as `wasm-opt -O2 --asyncify` does it. `yielding` is the name under which the module exports the function that
 * becomes an import and may unwind; without it every call may unwind.
 */
function instrument(bytes, yielding) {
  binaryen.setOptimizeLevel(2);
  binaryen.setShrinkLevel(0);
  binaryen.clearPassArguments();
  const module = binaryen.readBinary(bytes);
  module.setFeatures(features);
  if (yielding === undefined) binaryen.setPassArgument('asyncify-addlist', '*');
  else {
    const name = binaryen.getExportInfo(module.getExport(yielding)).value;
    module.removeExport(yielding);
    module.removeFunction(name);
    module.addFunctionImport(name, 'wasbox', 'yield', binaryen.none, binaryen.none);
  }
  module.runPasses(['asyncify']);
  module.optimize();
  const made = module.emitBinary();
  module.dispose();
  return made;
}

parentPort.on('message', ({ bytes, yielding }) => parentPort.postMessage(instrument(bytes, yielding)));
