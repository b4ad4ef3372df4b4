// What people see of a batch while it runs: a line for each job that has ended and, on a terminal, a bar below.

import { clearLine, cursorTo } from 'node:readline';
import cliProgress from 'cli-progress';
import { print } from '../told/output.ts';

export interface Display {
  /** A job has ended, with a line to be shown unless it goes elsewhere. */
  ended(line: string | undefined, failed: boolean): void;
  close(): void;
}

/** `total`: undefined where nobody knows; `before`: jobs of an earlier run. */
export const displayFor = (total: number | undefined, before: number): Display =>
  process.stderr.isTTY ? new Bar(total, before) : new Plain();

class Plain implements Display {
  ended(line: string | undefined): void {
    if (line !== undefined) print(line);
  }
  close(): void {}
}

class Bar implements Display {
  private readonly bar: cliProgress.SingleBar;
  private failed = 0;

  constructor(total: number | undefined, before: number) {
    const progress = total === undefined ? '{value} jobs' : '{bar} {value}/{total} jobs';
    this.bar = new cliProgress.SingleBar(
      {
        format: `${progress}, {failed} failed, {duration_formatted}`,
        hideCursor: true,
        clearOnComplete: true,
        // Signals are ours to hear.
        gracefulExit: false,
      },
      cliProgress.Presets.shades_classic,
    );
    this.bar.start(total ?? 0, before, { failed: 0 });
  }

  ended(line: string | undefined, failed: boolean): void {
    if (failed) this.failed++;
    if (line !== undefined) this.above(line);
    this.bar.increment({ failed: this.failed });
  }

  /** The bar draws itself anew below. */
  private above(line: string): void {
    if (process.stdout.isTTY) {
      cursorTo(process.stderr, 0);
      clearLine(process.stderr, 0);
    }
    print(line);
  }

  close(): void {
    this.bar.stop();
  }
}
