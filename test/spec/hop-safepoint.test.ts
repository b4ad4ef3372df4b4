// The hop test by safe points; hop.ts says what it is.

import { declareHops } from './run/hop.ts';

declareHops('safepoint');
