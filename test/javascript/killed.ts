// A process that runs a program with 20 calls of a service until it is killed: it goes on from the last token that was
// written. The service keeps its answers by the calls' ids, in the file in which it notes that it acted.
//
//   killed.ts FOLDER

import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { resume, run, type ToolCall } from '../../src/javascript/node/index.ts';

const folder = process.argv[2] as string;
const [tokenFile, logFile, endFile] = ['token', 'log', 'end'].map((name) => join(folder, name)) as [
  string,
  string,
  string,
];

export const code = `
  let sum = 0;
  for (let i = 0; i < 20; i++) sum = sum * 3 % 1009 + act(i, sum);
  sum`;

const known = (): Map<string, number> =>
  new Map(
    (existsSync(logFile) ? readFileSync(logFile, 'utf8') : '')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as [string, number]),
  );

const tools = {
  async act(this: ToolCall, i: number, sum: number) {
    const before = known().get(this.id);
    if (before !== undefined) return before;
    await new Promise((resolve) => setTimeout(resolve, 5));
    const answer = (i * 7 + sum) % 100;
    appendFileSync(logFile, `${JSON.stringify([this.id, answer])}\n`);
    return answer;
  },
};

function save(token: Uint8Array): void {
  writeFileSync(`${tokenFile}.new`, token);
  renameSync(`${tokenFile}.new`, tokenFile);
}

const options = { tools: tools as never, save };
const outcome = await (existsSync(tokenFile)
  ? resume(readFileSync(tokenFile), { ...options, engine: 'interpreter' })
  : run(code, { ...options, id: 'job', engine: 'interpreter' }));
writeFileSync(endFile, JSON.stringify(outcome));
