// The entry of a thread that decodes and validates modules.

import { serve } from '../src/runtime/module/serve.ts';

serve();
