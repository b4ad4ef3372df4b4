// Asking a server that fails for a while, again and again.

import { setTimeout as sleep } from 'node:timers/promises';

/** How long until it is asked again, in ms: from, and up to, doubling. */
const againIn = { least: 100, most: 2000 } as const;

/** Asks as long as it fails with what may pass; rejects with anything else. */
export async function insist<T>(act: () => Promise<T>, mayPass: (error: unknown) => boolean): Promise<T> {
  for (let wait: number = againIn.least; ; wait = Math.min(wait * 2, againIn.most))
    try {
      return await act();
    } catch (error) {
      if (!mayPass(error)) throw error;
      await sleep(wait);
    }
}
