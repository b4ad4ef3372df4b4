// The hop test by steps; hop.ts says what it is.

import { declareHops } from './hop.ts';

declareHops('step');
