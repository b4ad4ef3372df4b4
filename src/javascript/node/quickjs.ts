// QuickJS as the package `quickjs-wasi` has it, and its image, which is made when the package is built.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { attempt } from '../../spec/told.ts';
import { JavaScript } from '../javascript.ts';

let ours: JavaScript | undefined;

/** Where the build has the image. Sources have none: then QuickJS is booted. */
export const imageFile = new URL('../quickjs.image', import.meta.url);

/** Throws what reading it throws. */
export const quickjsBytes = (): Uint8Array =>
  readFileSync(createRequire(import.meta.url).resolve('quickjs-wasi/quickjs.wasm'));

/** QuickJS as the package `quickjs-wasi` has it, of this thread. */
export function quickjs(): JavaScript {
  ours ??= JavaScript.from(quickjsBytes(), { image: attempt(() => readFileSync(imageFile), undefined) });
  return ours;
}
