// What Go's runtime imports, for a thread of a pool: functions that do nothing.

import { hostFunction } from 'wasbox';

const nothing = hostFunction(['i32'], [], () => {});
export const imports = { gojs: new Proxy({}, { get: () => nothing }) };
