// What is told of calls that a program waits for: what each gives, or the error that it throws.

import type { ResumeOptions, WaitingCall } from '../../javascript/node/index.ts';
import { UsageError } from '../../spec/errors.ts';
import { quoted } from '../../spec/told.ts';
import { readBytes } from '../read/files.ts';
import { parseJson, textOf } from './options.ts';

export interface AnswerOptions {
  /** [ID=]JSON each: what a call gives. */
  readonly result?: readonly string[];
  /** [ID=]TEXT each: the message of the error that a call throws. */
  readonly error?: readonly string[];
  /** A file of JSON: what calls give, by their ids. */
  readonly results?: string;
}

export type Answers = Required<Pick<ResumeOptions, 'results' | 'errors'>>;

/** The form of ids, by which one that nobody waits for is told from a text. */
const idForm = /^([!-~]+-\d+)=/;

/** Where one call waits it need not be named. Throws UsageError, also for calls that the program does not wait for. */
export function answersTo(calls: readonly WaitingCall[], { result = [], error = [], results }: AnswerOptions): Answers {
  const ids = calls.map(({ id }) => id);
  const answered = new Set<string>();
  const checked = (id: string): string => {
    if (!ids.includes(id)) throw new UsageError(`no call ${quoted(id)} waits; ${choiceOf(ids)}`);
    if (answered.has(id)) throw new UsageError(`the call ${quoted(id)} has two answers`);
    answered.add(id);
    return id;
  };
  const given = [
    ...(results === undefined ? [] : fileOf(results)).map(([id, value]) => [checked(id), value]),
    ...result.map((text) => {
      const [id, json] = named(text, ids);
      return [checked(id), parseJson(json, `the result of ${id}`)];
    }),
  ];
  const thrown = error.map((text) => {
    const [id, message] = named(text, ids);
    return [checked(id), new Error(message)];
  });
  return { results: Object.fromEntries(given), errors: Object.fromEntries(thrown) };
}

function named(text: string, ids: readonly string[]): [id: string, rest: string] {
  const id = ids.find((each) => text.startsWith(`${each}=`));
  if (id !== undefined) return [id, text.slice(id.length + 1)];
  const [, other] = idForm.exec(text) ?? [];
  const [only, ...more] = ids;
  if (other === undefined && only !== undefined && more.length === 0) return [only, text];
  if (other === undefined) throw new UsageError(`which call is meant by ${quoted(text)}? ${choiceOf(ids)}`);
  return [other, text.slice(other.length + 1)];
}

function fileOf(path: string): [id: string, value: unknown][] {
  const all = parseJson(textOf(readBytes(path), path), path);
  if (typeof all !== 'object' || all === null || Array.isArray(all))
    throw new UsageError(`${path}: results are an object with an id of a call as each key`);
  return Object.entries(all);
}

const mostTold = 20;
function choiceOf(ids: readonly string[]): string {
  const more = ids.length > mostTold ? `, and ${ids.length - mostTold} more` : '';
  return ids.length === 0 ? 'none waits' : `these wait: ${ids.slice(0, mostTold).join(', ')}${more}`;
}
