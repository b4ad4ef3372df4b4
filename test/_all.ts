import { groups } from './spec/files.ts';
import { runFile } from './spec/runner.ts';
const skip = new Set((process.argv[2] ?? '').split(','));
const mode: any = process.argv[3] ?? 'whole';
for (const [group, files] of Object.entries(groups)) { if (skip.has(group)) continue;
  for (const [file, n] of Object.entries(files)) {
    const r = await runFile(file, mode);
    if (r.failures.length || r.assertions !== n) { console.log(group, file, r.assertions, n, 'failures', r.failures.length); for (const f of r.failures.slice(0,3)) console.log('   ', f.at, f.command, 'want', f.expected, 'got', f.got.slice(0,300)); }
  } }
