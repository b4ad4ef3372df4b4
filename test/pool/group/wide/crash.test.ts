// What crash.test.ts tells holds for groups on two threads.

import './two-threads.ts';
import '../crash.test.ts';
