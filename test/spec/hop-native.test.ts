// The hop test by safe points, where each hop goes from one engine to the other; for a third of the files.

import { declareHops } from './hop.ts';

declareHops('safepoint', 0, 3, ['interpreter', 'mixed']);
