// A network between a client and a server that a test can break: connections of a port of its own go on to that of the server.

import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from 'node:net';

/** What becomes of a piece of what a client says: it gets there; the connection breaks before; or before the answer comes back. */
export type Fate = 'passes' | 'is lost' | 'is not answered';

export class Network {
  private readonly sockets = new Set<Socket>();
  /** Asked for each piece. */
  fate: (piece: Buffer) => Fate = () => 'passes';
  /** What happens before a piece goes on. */
  before: (piece: Buffer) => Promise<void> | undefined = () => undefined;
  /** Bytes that clients have sent. */
  sent = 0;

  private constructor(
    private readonly server: Server,
    private readonly target: number,
  ) {
    server.on('connection', (client) => this.connect(client));
  }

  /** To that port of the loopback. */
  static async start(target: number): Promise<Network> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Network(server, target);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  private connect(client: Socket): void {
    const server = createConnection({ port: this.target, host: '127.0.0.1' });
    const both = [client, server];
    const cut = () => {
      for (const socket of both) socket.destroy();
    };
    for (const socket of both) {
      this.sockets.add(socket);
      socket.on('error', cut).on('close', () => {
        this.sockets.delete(socket);
        cut();
      });
    }
    let deaf = false;
    let turn = Promise.resolve();
    client.on('data', (piece: Buffer) => {
      this.sent += piece.length;
      const fate = this.fate(piece);
      if (fate === 'is lost') return cut();
      deaf ||= fate === 'is not answered';
      turn = turn.then(() => this.before(piece)).then(() => void server.write(piece));
    });
    server.on('data', (piece: Buffer) => (deaf ? cut() : client.write(piece)));
  }

  /** Breaks all connections. */
  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  async end(): Promise<void> {
    this.server.close();
    this.cut();
    if (this.server.listening) await once(this.server, 'close');
  }
}
