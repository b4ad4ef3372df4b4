// Another process, which goes on with programs: `Elsewhere` is what the tests have of it. Run by itself, this file is that
// process.

import { type ChildProcess, type ForkOptions, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { ProgramLimitError } from '../../src/javascript/index.ts';
import { modules, tools } from './corpus.ts';
import { type engines, js, resultOf } from './programs.ts';

interface Order {
  readonly token: Uint8Array;
  readonly engine: (typeof engines)[number];
  /** As a limit. */
  readonly fuel: number;
}
/** A value and all that was used for it; or, over its fuel, a token. */
export type Went =
  | { readonly value: unknown; readonly fuel: number }
  | { readonly token: Uint8Array }
  | { readonly error: string };

export class Elsewhere {
  private readonly child: ChildProcess;
  private last: Promise<unknown> = Promise.resolve();

  constructor() {
    const register = new URL('../tsx.mjs', import.meta.url).href;
    const options: ForkOptions = { execArgv: ['--import', register], serialization: 'advanced' };
    this.child = fork(fileURLToPath(import.meta.url), options);
    this.child.unref();
    this.child.channel?.unref();
  }

  /** One after the other. Rejects where the process ends. */
  resume(order: Order): Promise<Went> {
    const went = this.last.then(async () => {
      this.child.channel?.ref();
      this.child.send(order);
      const came = await Promise.race([once(this.child, 'message'), once(this.child, 'exit').then(() => undefined)]);
      this.child.channel?.unref();
      if (came === undefined) throw new Error('the other process has ended');
      return came[0] as Went;
    });
    this.last = went.catch(() => {});
    return went;
  }

  end(): void {
    this.child.kill();
  }
}

async function goOn({ token, engine, fuel }: Order): Promise<Went> {
  try {
    const outcome = await js.resume(token, { tools, modules, engine, limits: { fuel } });
    return { value: resultOf(outcome), fuel: outcome.fuel };
  } catch (error) {
    if (error instanceof ProgramLimitError && error.token !== undefined) return { token: error.token };
    return { error: String(error) };
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  process.on('message', async (order) => process.send?.(await goOn(order as Order)));
