// A network of a runner's own, on Linux and for root: a namespace with one end of a cable (veth), the other end of which this process has.
// Either end can be switched off. Nobody is told: what is sent is lost, and sent again once the end is up again.

import { execFileSync } from 'node:child_process';
import type { Way } from './network.ts';

const ip = (...args: string[]): void => {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
};

let made = 0;
/** They outlive their process unless it removes them. */
const open = new Set<{ close(): void }>();
process.once('exit', () => {
  for (const each of open) each.close();
});
/** Of the whole machine, so that no two processes have the same. */
const own = process.pid % 250;

export class Namespace implements Way {
  private readonly name: string;
  private readonly end: string;

  private constructor(private readonly at: number) {
    this.name = `wasbox-${process.pid}-${at}`;
    this.end = `wb${own}-${at}`;
  }

  /** Whether there can be some here. */
  static isPossible(): boolean {
    if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
    try {
      Namespace.make().close();
      return true;
    } catch {
      return false;
    }
  }

  /** Throws where it may not be. */
  static make(): Namespace {
    const namespace = new Namespace(made++);
    try {
      namespace.open();
      return namespace;
    } catch (error) {
      namespace.close();
      throw error;
    }
  }

  private open(): void {
    const { name, end } = this;
    open.add(this);
    ip('netns', 'add', name);
    ip('link', 'add', end, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
    ip('addr', 'add', `${this.host}/30`, 'dev', end);
    ip('link', 'set', end, 'up');
    ip('-n', name, 'addr', 'add', `${this.address(2)}/30`, 'dev', 'eth0');
    ip('-n', name, 'link', 'set', 'eth0', 'up');
    ip('-n', name, 'link', 'set', 'lo', 'up');
  }

  private address(last: number): string {
    const at = 4 * (this.at % 64) + last;
    return `10.${213 + (Math.trunc(this.at / 64) % 32)}.${own}.${at}`;
  }

  /** By which address whoever is in there reaches what is out here. */
  get host(): string {
    return this.address(1);
  }

  get command(): readonly string[] {
    return ['ip', 'netns', 'exec', this.name];
  }

  url(server: string): string {
    return server.replace(/127\.0\.0\.1/, this.host);
  }

  /** The runner's own end is off: it can reach nobody, and is told so where it asks anew. */
  cut(): void {
    ip('-n', this.name, 'link', 'set', 'eth0', 'down');
  }

  silence(): void {
    ip('link', 'set', this.end, 'down');
  }

  mend(): void {
    ip('-n', this.name, 'link', 'set', 'eth0', 'up');
    ip('link', 'set', this.end, 'up');
  }

  close(): void {
    open.delete(this);
    for (const args of [
      ['link', 'del', this.end],
      ['netns', 'del', this.name],
    ])
      try {
        ip(...args);
      } catch {
        // It was not there.
      }
  }
}

/** Where servers have to listen for those that are in namespaces. */
export const everywhere = '0.0.0.0';
/** All addresses that these have. */
export const theirs = '10.192.0.0/10';
