// BullMQ's backend for PostgreSQL, which waits for a server that is not there yet, as that for Redis does: as it comes (6.7), it asks
// for it once, and that it was not there is what all later questions are told, for good.

import { createPostgresBackend } from 'bullmq';
import { peek } from '../spec/told.ts';
import { insist } from './patience.ts';

/** What is known of the connection of a backend. */
interface Connection {
  waitUntilReady(): Promise<void>;
  /** The first answer. */
  readyPromise?: Promise<void> | undefined;
  readonly isClosing?: boolean;
}

/** Makes backends. `isPassing`: whether to ask again after that error. */
export const patient = (isPassing: (error: unknown) => boolean): typeof createPostgresBackend =>
  ((...args: Parameters<typeof createPostgresBackend>) => {
    const backend = createPostgresBackend(...args);
    const connection = peek(backend, 'connection') as Partial<Connection> | undefined;
    if (typeof connection?.waitUntilReady === 'function') wait(connection as Connection, isPassing);
    return backend;
  }) as typeof createPostgresBackend;

function wait(connection: Connection, isPassing: (error: unknown) => boolean): void {
  const ready = connection.waitUntilReady.bind(connection);
  let waiting: Promise<void> | undefined;
  const mayPass = (error: unknown) => {
    if (connection.isClosing === true || !isPassing(error)) return false;
    connection.readyPromise = undefined;
    return true;
  };
  connection.waitUntilReady = () => {
    waiting ??= insist(ready, mayPass);
    return waiting;
  };
}
