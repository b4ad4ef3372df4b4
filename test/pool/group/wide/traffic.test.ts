// What traffic.test.ts tells holds for groups on two threads.

import './two-threads.ts';
import '../traffic.test.ts';
