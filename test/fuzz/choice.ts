// Engines that mix at random: on the native engine, too, a half of each program's functions is interpreted.

import { choice } from '../../src/rewrite/read/support.ts';

/** Which half, the module's bytes decide: so that each of its VMs has the same one. To be called before there is any. */
export function mixAtRandom(): void {
  choice.isNative = ({ hash }, func) => (Number.parseInt(hash.slice(0, 8), 16) & (1 << (func % 32))) !== 0;
}
