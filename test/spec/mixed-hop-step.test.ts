// The hop test with engines that mix, by steps; mix.ts says what it is.

import { declareMixed } from './run/mix.ts';

declareMixed(1, 'step', 0, 3);
