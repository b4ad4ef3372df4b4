// What hostile.test.ts tells holds for groups on two threads.

import './two-threads.ts';
import '../hostile.test.ts';
