// The hop test by safe points, where each hop goes from one engine to the other; for a third of the files.

import { heat } from '../../src/vm/heat.ts';
import { declareHops } from './run/hop.ts';

Object.assign(heat, { least: 0, perByte: 0 });
declareHops('safepoint', 0, 3, ['interpreter', 'auto']);
