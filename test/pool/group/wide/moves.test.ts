// What moves.test.ts tells holds for groups on two threads.

import './two-threads.ts';
import '../moves.test.ts';
