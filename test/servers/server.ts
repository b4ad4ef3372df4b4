// What the servers that tests start have in common: a port, a folder, a process that is killed, stands still and goes on.

import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { ended, upWithin } from './ports.ts';

export abstract class Server {
  protected child: ChildProcess | undefined;
  private gone: Promise<unknown> = Promise.resolve();

  protected constructor(
    readonly port: number,
    readonly folder: string,
  ) {}

  get pid(): number {
    return this.child?.pid as number;
  }

  /** Resolves once it answers; rejects where it does not in so many ms. */
  protected async up(
    [command, args]: readonly [string, string[]],
    ms: number,
    isUp: () => Promise<unknown>,
  ): Promise<void> {
    this.child = spawn(command, args, { stdio: 'ignore' });
    this.gone = ended(this.child);
    await upWithin(ms, this.child, isUp);
  }

  /** As a power cut would. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.gone;
  }

  /** It stands still until `go`: connections stay, and nothing is answered. */
  freeze(): void {
    this.signal('SIGSTOP');
  }
  go(): void {
    this.signal('SIGCONT');
  }

  protected signal(signal: NodeJS.Signals): void {
    this.child?.kill(signal);
  }

  /** Ends it and removes what it has kept. */
  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
