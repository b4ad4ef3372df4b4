// The entry of the process that has the file of a store open.

import { serve } from '../src/store/disk/serve.ts';

serve();
