// QuickJS as tests have it.

import { readFileSync } from 'node:fs';

export const quickjsBytes = readFileSync(new URL('../../node_modules/quickjs-wasi/quickjs.wasm', import.meta.url));
