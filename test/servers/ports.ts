// What servers that tests start need: a port of the loopback, a folder, and a way to end with the test.

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** One that nobody listens on at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

export const newFolder = (kind: string): string => mkdtempSync(join(tmpdir(), `wasbox-${kind}-`));

/** The program's path; undefined where it is not installed. */
export function installed(name: string, ...folders: readonly string[]): string | undefined {
  for (const folder of [...(process.env.PATH ?? '').split(delimiter), ...folders]) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {}
  }
  return undefined;
}

/** Where the system can do that, a command that ends with this process, also where that is killed. */
export const tied = (...command: readonly string[]): [string, string[]] => {
  const all = setpriv === undefined ? command : [setpriv, '--pdeathsig', 'KILL', ...command];
  return [all[0] as string, all.slice(1)];
};
const setpriv = installed('setpriv');

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Resolves once it has ended, as it does with this process at the latest. */
export function ended(child: ChildProcess): Promise<unknown> {
  running.add(child);
  const gone = child.exitCode !== null || child.signalCode !== null ? Promise.resolve() : once(child, 'exit');
  return gone.finally(() => running.delete(child));
}

/** Resolves once `isUp` does; rejects where the server ends before, or is not there in time. */
export async function upWithin(ms: number, child: ChildProcess, isUp: () => Promise<unknown>): Promise<void> {
  const end = performance.now() + ms;
  for (;;) {
    try {
      await isUp();
      return;
    } catch (error) {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the server has ended: ${error}`);
      if (performance.now() > end) throw new Error(`the server did not come up: ${error}`);
      await sleep(30);
    }
  }
}
