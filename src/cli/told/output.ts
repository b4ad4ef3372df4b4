// Writes results to the standard output. A reader such as `head` that has seen enough is no error; a full disk is one, told
// in a line.

import { exits, systemReason } from './exit.ts';

/** What ends the command where nobody reads its output any more; a batch stops its jobs first. */
let whenClosed = (): void => process.exit(exits.ok.code);

export function onClosed(act: () => void): void {
  whenClosed = act;
}

let closed = false;

/** Hears of all that goes wrong with the standard streams from now on. */
export function watchStreams(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (closed) return;
    closed = true;
    if (error.code === 'EPIPE') return whenClosed();
    warn(`cannot write the output: ${systemReason(error) ?? error.message}`);
    process.exit(exits.output.code);
  });
  // There is no other place to tell it.
  process.stderr.on('error', () => {});
}

export function print(line: string): void {
  if (!closed) process.stdout.write(`${line}\n`);
}

/** What went wrong, and other news: each line for itself, the first with our name. */
export function warn(...lines: readonly string[]): void {
  process.stderr.write(`wasbox: ${lines.join('\n')}\n`);
}

/** Once all that was printed is out of our hands. */
export const flushed = (): Promise<void> =>
  new Promise((resolve) => {
    process.stdout.write('', () => resolve());
  });
