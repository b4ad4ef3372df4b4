// Chooses the interpreter's fused sequences: `npm run fusions`. Counts how often each op of real programs runs, in a
// copy of the sources whose loop counts, and merges the pair of neighbours that would save most dispatches, again and
// again. Writes src/interpret/machine/fusions.ts and the generated loop.

import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fusedOp } from '../../src/interpret/machine/ops.ts';
import { bytecodeLength, mostBytecode } from '../../test/interpret/bytecode.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const most = Number(process.argv[2] ?? 120);
/** Ops in one sequence. */
const longest = Number(process.argv[3] ?? 3);

/** An op of neighbouring ones: how often it ran, and its names with 0, 1, … ops before it in a sequence (profile.ts). */
type Item = { count: number; names: string[] };
type Trace = Item[];

function profile(): Trace[] {
  const copy = mkdtempSync(join(tmpdir(), 'wasbox-fusions-'));
  try {
    for (const part of ['src', 'bench', 'test', 'package.json'])
      cpSync(join(root, part), join(copy, part), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    const file = join(copy, 'src/interpret/machine/fusions.ts');
    writeFileSync(file, readFileSync(file, 'utf8').replace(/= \[[\s\S]*\];/, '= [];'));
    const run = (script: string) =>
      execFileSync(process.execPath, ['--import', 'tsx', script], { cwd: copy, encoding: 'utf8', maxBuffer: 2 ** 30 });
    run('bench/fusions/counting.ts');
    return JSON.parse(run('bench/fusions/profile.ts')) as Trace[];
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** Ops of a trace that are merged: from `start` on. */
type Token = { start: number; length: number; count: number };
type Chain = { trace: Trace; tokens: Token[] };
type Sequence = { names: string[]; saved: number };

const namesOf = ({ trace }: Chain, { start, length }: Token): string[] =>
  trace.slice(start, start + length).map(({ names }, k) => names[k] as string);

const joined = (a: Token, b: Token): Token => ({
  start: a.start,
  length: a.length + b.length,
  count: Math.min(a.count, b.count),
});

/** Dispatches that a token of these ops saves, and half as much for each value that it hands over in a variable. */
const worth = (names: readonly string[]): number =>
  names.length - 1 + names.reduce((sum, name) => sum + (name.match(/ [ab][<=]\d/g)?.length ?? 0), 0) / 2;

/** Most useful for the bytecode they take come first. */
const density = ({ names, saved }: Sequence): number => saved / fusedOp(names).text.length;

/** The sequences that are left when the best pairs of neighbours have been merged. */
function choose(traces: Trace[]): Sequence[] {
  const chains = traces.map((trace): Chain => {
    return { trace, tokens: trace.map(({ count }, start) => ({ start, length: 1, count })) };
  });
  for (let i = 0; i < most; i++) {
    const best = bestPair(chains);
    if (best === undefined) break;
    for (const chain of chains) merge(chain, best);
  }
  const uses = new Map<string, Sequence>();
  for (const chain of chains)
    for (const token of chain.tokens) if (token.length > 1) add(uses, namesOf(chain, token), token.count);
  return [...uses.values()].sort((a, b) => density(b) - density(a));
}

function add(sequences: Map<string, Sequence>, names: string[], count: number): void {
  const key = names.join(' + ');
  const sequence = sequences.get(key) ?? { names, saved: 0 };
  sequence.saved += count * worth(names);
  sequences.set(key, sequence);
}

/** Each pair of neighbours that may be one token. */
function* pairs(chain: Chain): Generator<{ at: number; token: Token; names: string[] }> {
  for (let at = 0; at + 1 < chain.tokens.length; at++) {
    const token = joined(chain.tokens[at] as Token, chain.tokens[at + 1] as Token);
    if (token.length <= longest) yield { at, token, names: namesOf(chain, token) };
  }
}

function bestPair(chains: Chain[]): string | undefined {
  const gains = new Map<string, Sequence>();
  for (const chain of chains) for (const { token, names } of pairs(chain)) add(gains, names, token.count);
  return [...gains].sort(([, a], [, b]) => b.saved - a.saved)[0]?.[0];
}

function merge(chain: Chain, key: string): void {
  for (const { at, token, names } of pairs(chain)) if (names.join(' + ') === key) chain.tokens.splice(at, 2, token);
}

/** Not counted but known: so hashes, and generators of random numbers, mix the bits of a word. */
const byHand: Sequence[] = [
  ['i64.shr_u k<32', 'i64.xor a<1', 'const64', 'i64.mul a<2 b<1'],
  ['i64.shr_u k>=32', 'i64.xor a<1', 'const64', 'i64.mul a<2 b<1'],
  // SHA-2 with words of 64 bits: rotations of a word, combined
  ['i64.rotl k>=32', 'i64.rotl k>=32', 'i64.xor a<1 b<2'],
  ['i64.rotl k>=32', 'i64.rotl k<32', 'i64.xor a<1 b<2'],
  ['i64.rotl k<32', 'i64.xor a<1', 'i64.add a<1'],
  ['i64.rotl k<32', 'i64.xor a<1'],
  ['i64.shr_u k<32', 'i64.xor a<1'],
  ['i64.and', 'i64.xor a<1'],
  ['i64.xor', 'i64.add a<1'],
].map((names) => ({ names, saved: 0 }));

const traces = profile();
const total = traces.flat().reduce((sum, { count }) => sum + count, 0);
const known = new Set(byHand.map(({ names }) => names.join()));
const chosen = [...byHand, ...choose(traces).filter(({ names }) => !known.has(names.join()))];
// V8 optimises no function above a size: leave out the least useful sequences until the loop is below it.
const target = join(root, 'src/interpret/machine/fusions.ts');
function write(count: number): void {
  const list = chosen.slice(0, count).map(({ names }) => `  [${names.map((n) => `'${n}'`).join(', ')}],`);
  writeFileSync(target, readFileSync(target, 'utf8').replace(/= \[[\s\S]*\];/, `= [\n${list.join('\n')}\n];`));
  execFileSync(process.execPath, ['--import', 'tsx', 'test/interpret/generate.ts'], { cwd: root });
}

/** How many of the sequences fit. */
function fitting(): number {
  let [fits, tooMany] = [0, chosen.length + 1];
  while (tooMany - fits > 1) {
    const count = (fits + tooMany) >> 1;
    write(count);
    if (bytecodeLength() <= mostBytecode) fits = count;
    else tooMany = count;
  }
  return fits;
}

const count = fitting();
write(count);
const saved = chosen.slice(0, count).reduce((sum, c) => sum + c.saved, 0);
console.log(
  `${count} sequences are worth ${((100 * saved) / total).toFixed(1)} % of ${total} dispatches; ${bytecodeLength()} bytes`,
);
