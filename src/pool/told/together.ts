// Jobs under way whose slices are short go on together: in one message, whose orders the thread follows one after another, and
// which comes back in one. The thread has kept the VMs of all of them.

import type { Order, Reply } from './protocol.ts';

/** Main thread to worker. What the first order brings of modules, or says is to be dropped, is for all of them. */
export interface TogetherOrder extends Pick<Order, 'slot'> {
  readonly kind: 'together';
  readonly orders: readonly Order[];
  /** After so many ms no other one is begun. */
  readonly sliceMs: number;
}

/** Worker to main thread: of the slices that were begun, in their order. */
export interface TogetherReply {
  readonly replies: readonly Reply[];
}
