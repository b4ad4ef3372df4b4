// `npm run queue-faults -- --jobs N --rounds N --runners N --faults N --lease MS --seed N`: jobs of a queue while runners, server and
// network fail, as many as you like.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { RedisServer } from '../servers/redis.ts';
import { numbers } from '../store/faults.ts';
import { campaign } from './faults.ts';

const { values } = parseArgs({
  options: {
    jobs: { type: 'string', default: '2000' },
    rounds: { type: 'string', default: '10' },
    runners: { type: 'string', default: '3' },
    faults: { type: 'string', default: '1000' },
    lease: { type: 'string', default: '2000' },
    store: { type: 'string' },
    seed: { type: 'string', default: String(Date.now() % 100_000) },
  },
});
const folder = mkdtempSync(join(tmpdir(), 'wasbox-queue-'));
const server = await RedisServer.start({ appendfsync: 'always' });
console.log(`seed ${values.seed}`);
try {
  const [jobs, rounds, runners, faults, lease] = [
    values.jobs,
    values.rounds,
    values.runners,
    values.faults,
    values.lease,
  ].map(Number) as [number, number, number, number, number];
  const random = numbers(Number(values.seed));
  const tell = (line: string) => console.log(line);
  const { recoveries, ...told } = await campaign({
    ...{ server, folder, store: values.store, jobs, rounds, runners, lease, faults, random, tell },
  });
  console.log(told);
  const rows = [...recoveries].map(([fault, ms]) => {
    const sorted = [...ms].sort((a, b) => a - b);
    const at = (share: number) => Math.round(sorted[Math.floor((sorted.length - 1) * share)] as number);
    return { fault, times: ms.length, 'median ms': at(0.5), 'most ms': at(1) };
  });
  console.table(rows);
} finally {
  await server.remove();
  rmSync(folder, { recursive: true, force: true });
}
