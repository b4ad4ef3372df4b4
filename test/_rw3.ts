import { groups, readyFiles } from './spec/files.ts';
import { runFile } from './spec/runner.ts';
const [mode = 'whole', engines = 'mixed', filter = ''] = process.argv.slice(2);
let bad = 0, files = 0, asserts = 0;
const t0 = Date.now();
for (const [file, n] of readyFiles) {
  if (!file.includes(filter)) continue;
  const t = Date.now();
  const r = await runFile(file, mode as any, engines.split(',') as any);
  files++; asserts += r.assertions;
  if (r.failures.length || r.assertions !== n) { bad++; console.log(file, r.assertions, n, r.failures.length, JSON.stringify(r.failures.slice(0, 2), null, 1)); }
  if (Date.now() - t > 5000) console.log('slow', file, Date.now() - t, r.hops);
}
console.log({ mode, engines, files, bad, asserts, ms: Date.now() - t0 });
