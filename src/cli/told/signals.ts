// Signals that ask a command to end: the first one is answered, by saving or by telling how far it is; the next one ends
// the process as it would without us.

import type { Exit } from './exit.ts';

/** Also what a closed terminal sends. */
const exitsBySignal = {
  SIGINT: 'interrupted',
  SIGTERM: 'terminated',
  SIGHUP: 'hangup',
} as const satisfies Partial<Record<NodeJS.Signals, Exit>>;
export type EndSignal = keyof typeof exitsBySignal;
const endSignals = Object.keys(exitsBySignal) as EndSignal[];

export const exitOfSignal = (signal: EndSignal): (typeof exitsBySignal)[EndSignal] => exitsBySignal[signal];

export interface Interrupt {
  /** Aborted by the first signal, which is its reason. */
  readonly signal: AbortSignal;
  /** From now on signals end the process at once. */
  release(): void;
}

export function listen(): Interrupt {
  const controller = new AbortController();
  const release = () => {
    for (const name of endSignals) process.off(name, heard);
  };
  const heard = (name: NodeJS.Signals) => {
    release();
    controller.abort(name);
  };
  for (const name of endSignals) process.on(name, heard);
  return { signal: controller.signal, release };
}
