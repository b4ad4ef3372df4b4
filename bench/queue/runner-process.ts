// A runner of its own process, of one thread.

import { Runner } from 'wasbox/queue';

const runner = new Runner({ ...JSON.parse(process.argv[2] as string), threads: 1 });
await runner.ready();
process.once('SIGTERM', () => void runner.close().then(() => process.exit()));
process.send?.('ready');
