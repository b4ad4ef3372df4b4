// What ring.test.ts tells holds for groups on two threads.

import './two-threads.ts';
import '../ring.test.ts';
