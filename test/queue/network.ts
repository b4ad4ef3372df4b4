// A network between a runner and its server that can be cut: connections end, or stay and nothing comes through.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** How a runner reaches its server. */
export interface Way {
  /** Where it finds a server that is on the loopback by that URL. */
  url(server: string): string;
  /** What its process is started by. */
  readonly command: readonly string[];
  cut(): void;
  silence(): void;
  mend(): void;
  close(): Promise<void> | void;
}

export class Network implements Way {
  readonly command = [];

  private readonly sockets = new Set<Socket>();
  private state: 'open' | 'cut' | 'silent' = 'open';

  private constructor(private readonly server: Server) {}

  static async to(port: number): Promise<Network> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const proxy = new Network(server);
    server.on('connection', (near: Socket) => proxy.join(near, port));
    return proxy;
  }

  private join(near: Socket, port: number): void {
    if (this.state === 'cut') {
      near.destroy();
      return;
    }
    const far = connect(port, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.sockets.add(from);
      from.on('data', (data) => {
        if (this.state === 'open') to.write(data);
      });
      from.on('error', () => {});
      from.on('close', () => {
        this.sockets.delete(from);
        to.destroy();
      });
    }
  }

  url(server: string): string {
    return server.replace(/127\.0\.0\.1:\d+/, `127.0.0.1:${this.port}`);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Connections end, and no new one comes about. */
  cut(): void {
    this.state = 'cut';
    for (const socket of this.sockets) socket.destroy();
  }

  /** What is sent is lost, and nobody is told. */
  silence(): void {
    this.state = 'silent';
  }

  /** What had been lost is lost: connections that were silent end. */
  mend(): void {
    const wasSilent = this.state === 'silent';
    this.state = 'open';
    if (wasSilent) for (const socket of this.sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.cut();
    if (!this.server.listening) return;
    this.server.close();
    await once(this.server, 'close');
  }
}
