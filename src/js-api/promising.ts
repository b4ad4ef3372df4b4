// JavaScript promise integration: imports that the guest waits for, and exports that answer with a promise. How a call
// waits is in call.ts. https://github.com/WebAssembly/js-promise-integration

import type { Caller } from './call.ts';
import type { Callable, Realm } from './realm.ts';
import type { PromiseIntegration } from './types.ts';
import { asInterface } from './webidl.ts';

export function suspendingClass(realm: Realm): PromiseIntegration['Suspending'] {
  class Suspending {
    constructor(func: Callable) {
      if (typeof func !== 'function') throw new TypeError('a function is expected');
      if (realm.addrOf(func, 'func') !== undefined)
        throw new TypeError('a function of WebAssembly cannot be Suspending');
      realm.suspending.set(this, func);
    }
  }
  return asInterface(Suspending) as never;
}

export function promisingFunction(realm: Realm, caller: Caller): PromiseIntegration['promising'] {
  const { promising } = {
    promising(func: unknown): object {
      const addr = realm.addrOf(func, 'func');
      if (addr === undefined) throw new TypeError('an exported function of this namespace is expected');
      return caller.promisingFunction(addr);
    },
  };
  return promising as never;
}
