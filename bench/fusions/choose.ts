// Chooses the interpreter's fused sequences: `npm run fusions`. Counts how often each op of real programs runs, in a
// copy of the sources whose loop counts, and merges the pair of neighbours that would save most dispatches, again and
// again. Writes src/interpret/fusions.ts and the generated loop.

import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bytecodeLength, mostBytecode } from '../../test/interpret/bytecode.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const most = Number(process.argv[2] ?? 120);
/** Ops in one sequence. */
const longest = 4;

/** One run of neighbouring ops with how often each ran. */
type Trace = { names: string[]; counts: number[] };

function profile(): Trace[] {
  const copy = mkdtempSync(join(tmpdir(), 'wasbox-fusions-'));
  try {
    for (const part of ['src', 'bench', 'test', 'package.json'])
      cpSync(join(root, part), join(copy, part), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    const file = join(copy, 'src/interpret/fusions.ts');
    writeFileSync(file, readFileSync(file, 'utf8').replace(/= \[[\s\S]*\];/, '= [];'));
    const run = (script: string) =>
      execFileSync(process.execPath, ['--import', 'tsx', script], { cwd: copy, encoding: 'utf8', maxBuffer: 2 ** 30 });
    run('bench/fusions/counting.ts');
    return JSON.parse(run('bench/fusions/profile.ts')) as Trace[];
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** A chain of merged tokens; a token is the names of its ops. */
type Token = { names: string[]; count: number };

function choose(traces: Trace[]): { names: string[]; saved: number }[] {
  let chains = traces.map(({ names, counts }) =>
    names.map((name, i): Token => ({ names: [name], count: counts[i] as number })),
  );
  const chosen: { names: string[]; saved: number }[] = [];
  while (chosen.length < most) {
    const best = bestPair(chains);
    if (best === undefined) break;
    chosen.push(best);
    const key = best.names.join(' + ');
    chains = chains.map((chain) => merge(chain, key));
  }
  return chosen;
}

function bestPair(chains: Token[][]): { names: string[]; saved: number } | undefined {
  const gains = new Map<string, { names: string[]; saved: number }>();
  for (const chain of chains)
    for (let i = 0; i + 1 < chain.length; i++) {
      const [a, b] = [chain[i] as Token, chain[i + 1] as Token];
      const names = [...a.names, ...b.names];
      if (names.length > longest) continue;
      const key = names.join(' + ');
      const gain = gains.get(key) ?? { names, saved: 0 };
      gain.saved += Math.min(a.count, b.count);
      gains.set(key, gain);
    }
  return [...gains.values()].sort((a, b) => b.saved - a.saved)[0];
}

function merge(chain: Token[], key: string): Token[] {
  const merged: Token[] = [];
  for (let i = 0; i < chain.length; i++) {
    const [a, b] = [chain[i] as Token, chain[i + 1]];
    if (b !== undefined && [...a.names, ...b.names].join(' + ') === key) {
      merged.push({ names: [...a.names, ...b.names], count: Math.min(a.count, b.count) });
      i++;
    } else merged.push(a);
  }
  return merged;
}

const traces = profile();
const total = traces.flatMap((t) => t.counts).reduce((a, b) => a + b, 0);
const chosen = choose(traces);
// V8 optimises no function above a size: leave out the least useful sequences until the loop is below it.
const target = join(root, 'src/interpret/fusions.ts');
function write(count: number): void {
  const list = chosen.slice(0, count).map(({ names }) => `  [${names.map((n) => `'${n}'`).join(', ')}],`);
  writeFileSync(target, readFileSync(target, 'utf8').replace(/= \[[\s\S]*\];/, `= [\n${list.join('\n')}\n];`));
  execFileSync(process.execPath, ['--import', 'tsx', 'test/interpret/generate.ts'], { cwd: root });
}

let count = chosen.length;
for (write(count); bytecodeLength() > mostBytecode; write(count)) count -= 4;
const saved = chosen.slice(0, count).reduce((sum, c) => sum + c.saved, 0);
console.log(
  `${count} sequences save ${((100 * saved) / total).toFixed(1)} % of ${total} dispatches; ${bytecodeLength()} bytes`,
);
