// A server of S3 of a test's own: s3rver 3.7.1 in a process, on a free port of the loopback, with a temporary folder. It can be
// killed, stopped and started again with what it has written.
//
// What it cannot show, as it is old and simple: a wrong secret (it looks at the id of the key alone), rights (whoever is let in may do
// all), conditional writes (it takes any), checksums (it looks at none), objects that come whole or not at all (one whose put breaks
// off is there, cut), answers of `SlowDown`, a disk that is full, that some of many could not be removed, regions and virtual hosts.

import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { S3 } from '@aws-sdk/client-s3';
import { freePort, newFolder, tied } from './ports.ts';
import { Server } from './server.ts';

const root = dirname(createRequire(import.meta.url).resolve('s3rver/package.json'));
/** Of its only account. */
const credentials = { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' } as const;

/** For this process and those that it starts: its account and region, and nothing that this machine's user has. */
export function becomeUser(): void {
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name];
  Object.assign(process.env, {
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_REGION: 'us-east-1',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_EC2_METADATA_DISABLED: 'true',
  });
}

export class S3Server extends Server {
  /** Resolves once it answers. It has one bucket, `box`. */
  static async start(): Promise<S3Server> {
    const server = new S3Server(await freePort(), newFolder('s3'));
    await server.start();
    return server;
  }

  /** Of a prefix in its bucket. */
  at(prefix: string, port = this.port): string {
    return `s3://box/${prefix}?endpoint=http://127.0.0.1:${port}`;
  }

  /** On the same port, with what it has kept. */
  async start(): Promise<void> {
    const told = ['--directory', this.folder, '--port', `${this.port}`, '--address', '127.0.0.1', '--silent'];
    // Its tokens for the next page are made by DES, which OpenSSL has put away.
    const args = [
      '--openssl-legacy-provider',
      join(root, 'bin/s3rver.js'),
      ...told,
      '--no-vhost-buckets',
      '--configure-bucket',
      'box',
    ];
    await this.up(tied(process.execPath, ...args), 20_000, () => this.ask((client) => client.listBuckets()));
  }

  /** One question by a client of its own. */
  async ask<T>(question: (client: S3) => Promise<T>): Promise<T> {
    const endpoint = `http://127.0.0.1:${this.port}`;
    const client = new S3({ endpoint, region: 'us-east-1', forcePathStyle: true, maxAttempts: 1, credentials });
    try {
      return await question(client);
    } finally {
      client.destroy();
    }
  }

  /** Files of the objects below a prefix, in the order of their names. */
  files(prefix: string): string[] {
    return readdirSync(join(this.folder, 'box'), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.startsWith(`${prefix}/`) && path.endsWith('._S3rver_object'))
      .sort()
      .map((path) => join(this.folder, 'box', path));
  }
}
