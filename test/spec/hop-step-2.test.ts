// The hop test by steps, part 2 of 2; hop.ts says what it is.

import { declareHops } from './run/hop.ts';

declareHops('step', 1, 2);
