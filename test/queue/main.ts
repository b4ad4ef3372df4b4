// `npm run queue-faults -- --server redis --jobs N --at-once N --rounds N --runners N --faults N --lease MS --seed N`: jobs of a queue while
// runners, server, stores and network fail, as many as you like; so many at once that few wait in line, which recoveries would include. `--server postgres`: queue and store there. `--network proxy`: networks are cut by
// something in between, as they are where this process may have no namespaces of its own.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { numbers } from '../store/faults.ts';
import { campaign, type Recovery } from './faults.ts';
import { Namespace } from './namespace.ts';
import { postgres, redis } from './reachable.ts';

const { values } = parseArgs({
  options: {
    server: { type: 'string', default: 'redis' },
    network: { type: 'string', default: Namespace.isPossible() ? 'namespaces' : 'proxy' },
    jobs: { type: 'string', default: '2000' },
    'at-once': { type: 'string', default: '30' },
    rounds: { type: 'string', default: '10' },
    runners: { type: 'string', default: '3' },
    faults: { type: 'string', default: '1000' },
    lease: { type: 'string', default: '2000' },
    store: { type: 'string' },
    seed: { type: 'string', default: String(Date.now() % 100_000) },
  },
});
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)
  process.once(signal, () => process.exit(code));
const folder = mkdtempSync(join(tmpdir(), 'wasbox-queue-'));
const namespaces = values.network === 'namespaces';

const at = (all: readonly number[], share: number) => {
  const sorted = [...all].sort((a, b) => a - b);
  return Math.round(sorted[Math.floor((sorted.length - 1) * share)] ?? 0);
};
const row = ([fault, { lasted, jobs }]: [string, Recovery]) => ({
  fault,
  times: lasted.length,
  'lasted ms, p50': at(lasted, 0.5),
  'jobs hit': jobs.length,
  'recovery ms, p50': at(jobs, 0.5),
  most: at(jobs, 1),
});

console.log(
  `seed ${values.seed}; ${values.server}; networks are ${namespaces ? 'namespaces with cables of their own' : 'a proxy'}`,
);
const server = await (values.server === 'postgres' ? postgres : redis)(namespaces);
try {
  const [jobs, atOnce, rounds, runners, faults, lease] = [
    values.jobs,
    values['at-once'],
    values.rounds,
    values.runners,
    values.faults,
    values.lease,
  ].map(Number) as [number, number, number, number, number, number];
  const random = numbers(Number(values.seed));
  const tell = (line: string) => console.log(line);
  const { recoveries, ...told } = await campaign({
    ...{ server, namespaces, folder, store: values.store, jobs, atOnce, rounds, runners, lease, faults, random, tell },
  });
  console.log(told);
  console.table([...recoveries].map(row));
} finally {
  await server.remove();
  rmSync(folder, { recursive: true, force: true });
}
