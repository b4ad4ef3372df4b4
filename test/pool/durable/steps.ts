// A program of two steps.

import type { Instance } from '../../../src/index.ts';

export const start = (_: Instance, input: { readonly to: number }) => ({
  call: 'count',
  args: [input.to],
  next: 'end',
  state: 'counted',
});
export const end = (_: Instance, state: string, [n]: readonly unknown[]) => ({ done: { [state]: n } });
