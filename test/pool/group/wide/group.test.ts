// What group.test.ts tells holds for groups on two threads.

import './two-threads.ts';
import '../group.test.ts';
