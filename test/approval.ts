// The server of examples/approval as a process of its own, for the tests that ask it.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';

const script = fileURLToPath(new URL('../examples/approval/serve.js', import.meta.url));
const patience = 120_000;

export interface Shown {
  readonly id: string;
  readonly status: string;
  readonly code: string;
  readonly printed: readonly string[];
  readonly waits: readonly { readonly id: string; readonly tool: string; readonly args: readonly string[] }[];
  readonly entries: readonly { readonly id: string; readonly tool: string; readonly answer: unknown }[];
  readonly answer?: string;
  readonly until?: number;
}

/** An empty folder for the state. */
export async function stateFolder(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'wasbox-approval-'));
  t.teardown(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

export class Server {
  private constructor(
    readonly address: string,
    private readonly child: ChildProcess,
  ) {}

  /** Starts it on a free port, or that one, with what the folder has. */
  static async start(t: ExecutionContext, folder: string, port = '0'): Promise<Server> {
    const child = spawn(process.execPath, [script, port, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
    t.teardown(() => child.kill('SIGKILL'));
    const [address] = await once(createInterface(child.stdout), 'line');
    return new Server(address, child);
  }

  /** Ends it: its exit code, or the signal that ended it. */
  async end(signal: NodeJS.Signals): Promise<unknown> {
    const ended = once(this.child, 'exit');
    this.child.kill(signal);
    const [code, by] = await ended;
    return by ?? code;
  }

  /** Over a connection of its own: those that are kept may be to a server that was killed. */
  ask(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Response> {
    const type = { connection: 'close', ...(body !== undefined && { 'content-type': 'application/json' }) };
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return fetch(new URL(path, this.address), {
      ...{ method, headers: { ...type, ...headers } },
      ...(body !== undefined && { body: text }),
    });
  }

  /** Submits code: the run's id. */
  async submit(code: string): Promise<string> {
    const response = await this.ask('POST', '/runs', { code });
    const { id, message } = (await response.json()) as { id?: string; message?: string };
    if (id === undefined) throw new Error(message);
    return id;
  }

  /** What there is to see. */
  async seen(): Promise<{ readonly balance: number; readonly runs: readonly Shown[] }> {
    return (await (await this.ask('GET', '/runs')).json()) as Awaited<ReturnType<Server['seen']>>;
  }

  /** The run, once it is as told. */
  async reached(id: string, is: (run: Shown) => boolean): Promise<Shown> {
    const end = Date.now() + patience;
    for (;;) {
      const run = (await this.seen()).runs.find((each) => each.id === id);
      if (run !== undefined && is(run)) return run;
      if (Date.now() > end) throw new Error(`not reached: ${JSON.stringify(run)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** What is answered to a human's word. */
  async decide(run: string, call: string, approved: unknown): Promise<number> {
    return (await this.ask('POST', `/runs/${run}/calls/${call}`, { approved })).status;
  }
}

export const isOver = ({ status }: Shown): boolean => ['done', 'failed', 'stopped'].includes(status);
