// A Redis (or Valkey) of a test's own: on a free port of the loopback, with a temporary folder. It can be killed, stopped and
// started again with what it has written. Where there is none on this machine, tests that need it are skipped, and that is said
// loudly.

import { Redis } from 'ioredis';
import { freePort, installed, newFolder, tied } from './ports.ts';
import { Server } from './server.ts';

const program = installed('redis-server') ?? installed('valkey-server');
if (program === undefined) console.warn('NO REDIS: neither redis-server nor valkey-server is installed. SKIPPED.');

export const hasRedis = program !== undefined;

export interface RedisOptions {
  /** `always`: flushed before each answer. `everysec` or `no`: now and then. `off`: nothing is kept. `always` unless told. */
  readonly appendfsync?: 'always' | 'everysec' | 'no' | 'off';
  /** Further settings, as in the file of settings. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly password?: string;
}

export class RedisServer extends Server {
  private constructor(
    port: number,
    folder: string,
    private readonly options: RedisOptions,
  ) {
    super(port, folder);
  }

  /** Resolves once it answers. */
  static async start(options: RedisOptions = {}): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), newFolder('redis'), options);
    await server.start();
    return server;
  }

  get url(): string {
    const { password } = this.options;
    return `redis://${password === undefined ? '' : `:${encodeURIComponent(password)}@`}127.0.0.1:${this.port}`;
  }

  /** On the same port, with what it has kept. */
  async start(): Promise<void> {
    const { appendfsync = 'always', settings = {}, password } = this.options;
    const all: Record<string, string> = {
      ...{ port: `${this.port}`, bind: '127.0.0.1', dir: this.folder, save: '', 'maxmemory-policy': 'noeviction' },
      ...{ appendonly: appendfsync === 'off' ? 'no' : 'yes' },
      ...(appendfsync === 'off' ? {} : { appendfsync }),
      ...(password === undefined ? {} : { requirepass: password }),
      ...settings,
    };
    const args = Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]);
    await this.up(tied(program as string, ...args), 20_000, () => this.ask((client) => client.ping()));
  }

  /** One question by a connection of its own. */
  async ask<T>(question: (client: Redis) => Promise<T>): Promise<T> {
    const client = new Redis(this.url, { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 });
    client.on('error', () => {});
    try {
      await client.connect();
      return await question(client);
    } finally {
      client.disconnect();
    }
  }
}
