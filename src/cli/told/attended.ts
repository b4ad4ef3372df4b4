// A promise by itself keeps no process alive: one that nothing will settle is told, instead of an end without a word.

import { HostError } from '../../spec/errors.ts';

/**
 * What comes of a promise. Where somebody can stop what it is about, the process waits for it as long as it takes; where
 * nobody can, it rejects with HostError, telling `message`, once no timer, file or socket is left that could settle it.
 */
export async function attended<T>(promise: Promise<T>, canStop: boolean, message: string): Promise<T> {
  let desert = () => {};
  const deserted = new Promise<never>((_, reject) => {
    desert = () => reject(new HostError(message));
  });
  const alive = canStop ? setInterval(() => {}, 2 ** 30) : undefined;
  if (!canStop) process.on('beforeExit', desert);
  try {
    return await Promise.race([promise, deserted]);
  } finally {
    clearInterval(alive);
    process.off('beforeExit', desert);
  }
}
