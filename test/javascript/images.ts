// Images for tests.

import type { Base } from '../../src/javascript/machine/base.ts';
import { vmOf } from '../../src/javascript/machine/base.ts';
import { baseIn, makeImage, writeImage } from '../../src/javascript/machine/image.ts';
import { codeName, rewriteBytes } from '../../src/rewrite/module/module.ts';
import { sha256 } from '../../src/runtime/beneath/sha256.ts';
import { quickjsBytes } from './quickjs.ts';

export const image = makeImage(quickjsBytes);
const sumAt = 4;
/** Where that begins which the checksum is of. */
export const summedAt = 36;

/** With a checksum that is right. */
export function resealed(bytes: Uint8Array): Uint8Array {
  bytes.set(sha256(bytes.subarray(summedAt)), sumAt);
  return bytes;
}

/** An image that is whole and fits, and in which `Math.random` begins elsewhere than what is booted has it. */
export function lying(): Uint8Array {
  const base = baseIn(image, quickjsBytes) as Base;
  const { module } = base;
  const vm = vmOf(base, base.snapshot, 'interpreter', 2 ** 26);
  vm.instance().memory('memory').bytes[base.seedAt] = 77;
  return writeImage({ ...base, snapshot: vm.save() }, rewriteBytes(module, false, codeName(module, false)));
}
