// What hears all channels of a pool has in common: metrics and spans.

import { type ChannelListener, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { check } from '../../spec/options.ts';
import type { PoolMessages, WatchedPool } from './channels.ts';

export const aPool = check((pool: WatchedPool) => typeof pool.stats.jobs === 'number', 'a Pool');

export type Listeners = { readonly [N in keyof PoolMessages]?: (message: PoolMessages[N]) => void };

/** Hears channels, until what is returned is called. */
export function listen(listeners: Listeners): () => void {
  const all = Object.entries(listeners) as [string, ChannelListener][];
  for (const [channel, listener] of all) subscribe(channel, listener);
  return () => {
    for (const [channel, listener] of all) unsubscribe(channel, listener);
  };
}
