// A PostgreSQL of a test's own: on a free port of the loopback, with a temporary folder. It can be killed, stopped and started
// again with what it has written. Where there is none on this machine, tests that need it are skipped, and that is said loudly.
// PostgreSQL does not run as root: then it runs as the user `postgres`.

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { freePort, installed, newFolder, tied } from './ports.ts';
import { Server } from './server.ts';

/** Debian has the programs of each version in a folder of its own, which is in nobody's path. */
const debian = '/usr/lib/postgresql';
const folders = existsSync(debian)
  ? readdirSync(debian)
      .sort((a, b) => Number(b) - Number(a))
      .map((version) => join(debian, version, 'bin'))
  : [];
const postgres = installed('postgres', ...folders);
const initdb = installed('initdb', ...folders);
const isRoot = process.getuid?.() === 0;
/** A command as a user who may run it. */
const asUser = (command: string, args: readonly string[]): [string, string[]] =>
  isRoot
    ? tied('setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups', '--pdeathsig=KILL', command, ...args)
    : tied(command, ...args);

export const hasPostgres =
  postgres !== undefined && initdb !== undefined && spawnSync(...asUser(postgres, ['--version'])).status === 0;
if (!hasPostgres) console.warn('NO POSTGRESQL: it is not installed, or may not be run. SKIPPED.');

export interface PostgresOptions {
  /** Further settings, as in postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
}

export class PostgresServer extends Server {
  private constructor(
    port: number,
    folder: string,
    private readonly options: PostgresOptions,
  ) {
    super(port, folder);
  }

  /** Makes a new cluster with one user, `wasbox`, who needs no password. Resolves once it answers. */
  static async start(options: PostgresOptions = {}): Promise<PostgresServer> {
    const server = new PostgresServer(await freePort(), newFolder('postgres'), options);
    if (isRoot) execFileSync('chown', ['postgres:', server.folder]);
    const args = ['-D', server.data, '-U', 'wasbox', '-A', 'trust', '-E', 'UTF8', '--no-locale', '--no-sync'];
    execFileSync(...asUser(initdb as string, args), { stdio: 'ignore' });
    await server.start();
    return server;
  }

  private get data(): string {
    return join(this.folder, 'data');
  }

  get url(): string {
    return this.urlOf('postgres');
  }

  urlOf(database: string): string {
    return `postgres://wasbox:secret@127.0.0.1:${this.port}/${database}`;
  }

  /** On the same port, with what it has kept. */
  async start(): Promise<void> {
    const settings: Record<string, string> = {
      ...{ listen_addresses: '127.0.0.1', port: `${this.port}`, unix_socket_directories: this.folder },
      ...{ shared_buffers: '32MB', max_connections: '60', log_min_messages: 'fatal', ...this.options.settings },
    };
    const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    await this.up(asUser(postgres as string, ['-D', this.data, ...args]), 60_000, () => this.ask('SELECT 1'));
  }

  /** One question by a connection of its own. */
  async ask(sql: string, values: readonly unknown[] = [], database = 'postgres'): Promise<pg.QueryResult> {
    const client = new pg.Client({ connectionString: this.urlOf(database), connectionTimeoutMillis: 5000 });
    client.on('error', () => {});
    await client.connect();
    try {
      return await client.query(sql, [...values]);
    } finally {
      await client.end().catch(() => {});
    }
  }

  /** As a power cut would: the server and all processes that work for it. */
  override async kill(): Promise<void> {
    await super.kill();
    // Shared memory is given back once the last of them is gone.
    for (let i = 0; i < 200 && this.processes().length > 0; i++) await sleep(10);
    rmSync(join(this.data, 'postmaster.pid'), { force: true });
  }

  protected override signal(signal: NodeJS.Signals): void {
    for (const pid of this.processes())
      try {
        process.kill(pid, signal);
      } catch {
        // It has ended meanwhile.
      }
  }

  private known: readonly number[] = [];
  /** The server, and those that it has started: they are found as long as it lives, and remembered. */
  private processes(): readonly number[] {
    const { pid } = this;
    const children = childrenOf(pid);
    if (children.length > 0) this.known = [pid, ...children];
    else if (this.child?.exitCode === null && this.child.signalCode === null) this.known = [pid];
    this.known = this.known.filter((each) => existsSync(`/proc/${each}`) && !isZombie(each));
    return this.known;
  }
}

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function isZombie(pid: number): boolean {
  try {
    return /^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return true;
  }
}
