// The suite with native code for the functions of even index; mix.ts says what it is.

import { declareMixed } from './run/mix.ts';

declareMixed(0);
