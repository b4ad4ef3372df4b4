// The last step of a build: writes the image that QuickJS starts from.

import { writeFileSync } from 'node:fs';
import { makeImage } from '../machine/image.ts';
import { imageFile, quickjsBytes } from './quickjs.ts';

writeFileSync(imageFile, makeImage(quickjsBytes()));
