// What a program prints, as it does: on the standard output and, of warnings and errors, on the standard error.

import { type ConsoleEvent, defaultProgramLimits } from '../../javascript/node/index.ts';
import { LimitError } from '../../spec/errors.ts';
import { print } from '../told/output.ts';
import { harmless, printed } from './values.ts';

const isBad = ({ level }: ConsoleEvent): boolean => level === 'warn' || level === 'error';

/** The console of one run. What it writes may be longer than what the program said, so it is bounded by itself. */
export class Console {
  private written = 0;
  /** Why it has fallen silent. */
  flooded: LimitError | undefined;

  constructor(
    /** All goes to the standard error: the standard output is for something else. */
    private readonly apart: boolean,
    /** Stops the program. */
    private readonly stop: () => void,
    private readonly most: number = defaultProgramLimits.output,
  ) {}

  readonly print = (event: ConsoleEvent): void => {
    if (this.flooded !== undefined) return;
    const text = printed(event.values);
    this.written += text.length;
    if (this.written > this.most) {
      this.flooded = new LimitError(`what the program prints is over the limit output of ${this.most} characters`, {
        ...{ limit: 'output', value: this.most },
      });
      return this.stop();
    }
    if (this.apart || isBad(event)) process.stderr.write(`${harmless(text, process.stderr.isTTY)}\n`);
    else print(harmless(text, process.stdout.isTTY));
  };
}
