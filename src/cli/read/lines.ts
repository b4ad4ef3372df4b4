// A text file or the standard input, line by line: no more of it is held than a line and what was read with it.

import { createReadStream } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import { UsageError } from '../../spec/errors.ts';
import { fileError } from '../told/exit.ts';

/** The longest line, in characters: one is a job or its result, perhaps with bytes of a megabyte in it. */
const longest = 2 ** 28;

export interface Line {
  readonly text: string;
  /** Only the last line of a file may have no end. */
  readonly ended: boolean;
}

export interface Lines extends AsyncIterable<Line> {
  /** Ends the lines where they are. */
  close(): void;
}

export const standardInput = '-';

/** The lines of a file. Iterating throws UsageError. */
export function linesOf(path: string): Lines {
  const input = path === standardInput ? process.stdin : createReadStream(path);
  let closed = false;
  return {
    close() {
      closed = true;
      input.destroy();
    },
    async *[Symbol.asyncIterator]() {
      try {
        yield* split(input);
      } catch (cause) {
        if (!closed) throw fileError('read', path === standardInput ? 'the standard input' : path, cause);
      }
    },
  };
}

/** Throws UsageError for a line that is too long. */
export async function* split(input: AsyncIterable<Uint8Array | string>, most = longest): AsyncGenerator<Line> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of input) {
    const text = typeof chunk === 'string' ? chunk : decoder.write(chunk as Buffer);
    rest += text;
    if (text.includes('\n')) {
      const lines = rest.split('\n');
      rest = lines.pop() as string;
      for (const line of lines) yield { text: line, ended: true };
    }
    if (rest.length > most) throw new UsageError(`a line is longer than ${most} characters`);
  }
  rest += decoder.end();
  if (rest !== '') yield { text: rest, ended: false };
}
