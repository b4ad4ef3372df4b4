// How long the corpus of real programs takes on the host and on our engines, each run in a process of its own: as who
// runs such a program once would see it, with decoding, rewriting and V8's warming up.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findCorpus, programsOf } from '../../test/spec/locate.ts';
import type { Section } from '../measure/table.ts';

const rounds = 2;
const columns = ['host', 'interpreter', 'native', 'auto'] as const;
type Column = (typeof columns)[number];
const namespace = fileURLToPath(new URL('./namespace.js', import.meta.url));

export async function corpus(): Promise<Section> {
  const folder = findCorpus();
  const rows: string[][] = [];
  for (const program of folder === undefined ? [] : programsOf(folder)) {
    const times: Record<Column, number[]> = { host: [], interpreter: [], native: [], auto: [] };
    for (let round = 0; round < rounds; round++)
      for (const column of columns) times[column].push(await run(folder as string, program, column));
    const { host } = times;
    const seconds = (of: readonly number[]) => (Math.min(...of) / 1000).toFixed(2);
    const ratio = (of: readonly number[]) => (Math.min(...of) / Math.min(...host)).toFixed(1);
    rows.push([
      program,
      seconds(host),
      ...columns.slice(1).map((column) => `${seconds(times[column])} (${ratio(times[column])})`),
    ]);
    console.log(`${program} is done`);
  }
  return {
    title: 'Whole programs, once',
    text: `Seconds from the first import of a package to its last checked result, and in brackets the ratio to the host: each in a process of its own, decoding, rewriting and warming up included. The shorter of ${rounds} runs in turns.${rows.length === 0 ? ' The corpus was not there.' : ''}`,
    head: ['program', ...columns.map((column) => `${column}, s`)],
    rows,
  };
}

/** Milliseconds, as the driver tells them. Throws where a check of the program's does not pass. */
async function run(folder: string, program: string, column: Column): Promise<number> {
  const ours = column === 'host' ? [] : [`--wa=${namespace}`];
  const env = { ...process.env, WASBOX_ENGINE: column };
  const { stdout } = await promisify(execFile)(process.execPath, [join(folder, 'run.mjs'), ...ours, program], { env });
  const [, ms] = /^PASS .* (\d+) ms/m.exec(stdout) ?? [];
  if (ms === undefined) throw new Error(`${program} on ${column}: ${stdout}`);
  return Number(ms);
}
