// Lets Node run TypeScript in the main thread and in worker threads alike: `--import=tsx` alone does not reach workers.
import { register } from 'tsx/esm/api';

register();
