// `wasbox inspect` of a token: what it is a token of.

import { quickjs, type TokenInfo } from '../../javascript/node/index.ts';
import { isSealed } from '../../javascript/token/marks.ts';
import { at } from '../read/files.ts';
import { count, formatBytes, type Report } from '../told/print.ts';
import { readKey, tokenIn } from './key.ts';
import { limitsBy, type ProgramGoOptions } from './options.ts';
import { callLines, callsJson, timeOf } from './told.ts';

export async function reportToken(
  file: string,
  bytes: Uint8Array,
  options: Pick<ProgramGoOptions, 'key' | 'memory'>,
): Promise<Report> {
  const seal = options.key === undefined ? undefined : readKey(options.key);
  const token = await tokenIn(file, bytes, seal);
  const info = at(file, () => quickjs().inspect(token, { limits: limitsBy(options) }));
  const sealed = isSealed(bytes);
  return { lines: linesOf(file, bytes.length, sealed, info), json: jsonOf(file, bytes.length, sealed, info) };
}

function linesOf(file: string, bytes: number, sealed: boolean, info: TokenInfo): string[] {
  const { id, fuel, called, memory, pages, image, calls } = info;
  return [
    `JavaScript program at rest ${file}: ${formatBytes(bytes)}${sealed ? ', sealed' : ''}`,
    `state: ${stateOf(info)}`,
    ...callLines(calls),
    `run: ${id}, ${count(called, 'call')} so far`,
    `fuel used: ${fuel}`,
    `memory: ${formatBytes(memory)}, of which ${count(pages, 'page')} of 4 KiB differ from the image`,
    `image: ${image}`,
  ];
}

function stateOf({ status, until, calls }: TokenInfo): string {
  const due = until === undefined ? '' : `, and until ${timeOf(until)}`;
  switch (status) {
    case 'running':
      return 'in the midst of its code';
    case 'waiting':
      return `it waits for ${count(calls.length, 'call')}${due}`;
    case 'sleeping':
      return `it sleeps until ${timeOf(until as number)}`;
    case 'idle':
      return 'a session in which nothing is evaluated';
    default:
      return status satisfies never;
  }
}

const jsonOf = (file: string, bytes: number, sealed: boolean, { calls, until, ...info }: TokenInfo): object => ({
  ...{ kind: 'JavaScript program', file, bytes, sealed, ...info, calls: callsJson(calls) },
  until: until === undefined ? null : timeOf(until),
});
