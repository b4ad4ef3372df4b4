// The hop test by steps, part 1 of 2; hop.ts says what it is.

import { declareHops } from './run/hop.ts';

declareHops('step', 0, 2);
