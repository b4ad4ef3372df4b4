// The library inside the guest: a function that is given the host's one function, and gives what the host calls.

import { entries } from './ops.ts';
import { programSource } from './program.ts';
import { valuesSource } from './values.ts';
import { webSource } from './web.ts';

export const librarySource = `(function (host) {
'use strict';
${valuesSource}
${programSource}
${webSource}
return [${entries.map((entry) => (entry === 'caught' ? 'failed' : entry)).join(', ')}];
})`;
