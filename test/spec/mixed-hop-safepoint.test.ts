// The hop test with engines that mix, by safepoints; mix.ts says what it is.

import { declareMixed } from './run/mix.ts';

declareMixed(1, 'safepoint', 0, 3);
