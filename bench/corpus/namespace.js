// What a program of the corpus gets in the place of `WebAssembly`: ours, with the engine that the environment names.

import { createWebAssembly } from 'wasbox/webassembly';

export default createWebAssembly({ engine: process.env.WASBOX_ENGINE });
