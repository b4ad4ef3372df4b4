// Opens a store, uses it, and forgets to close it: the process ends all the same.

import { openStore } from '../../dist/src/store/disk/index.js';

const [, , at] = process.argv;
const store = await openStore(at);
await store.commit({ heads: [{ name: 'idle', expected: 0, state: {} }] });
process.stdout.write(String((await store.list()).length));
