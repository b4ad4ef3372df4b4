// The hop test by safe points, from one engine to the other.

import { declareHops } from './hop.ts';

declareHops('safepoint', 0, 1, ['interpreter', 'mixed']);
