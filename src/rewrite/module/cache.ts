// Where what was made is kept: maps that stay small, and what modules of equal bytes share.

import type { Module } from '../../runtime/module.ts';

/** What was kept longest goes first, and is made again when it is needed again. */
export function keep<K, V>(map: Map<K, V>, key: K, value: V, most: number): V {
  if (map.size >= most) {
    const { value: oldest, done } = map.keys().next();
    if (done !== true) map.delete(oldest);
  }
  map.set(key, value);
  return value;
}

/** A continuation takes the host some tens of kilobytes. */
export const mostContinuations = 2_000;

/** One value for all modules of equal bytes, made when it is first asked for. It lasts as long as one of them. */
export function byContent<T extends object>(make: () => T): (module: Module) => T {
  const byModule = new WeakMap<Module, T>();
  const byHash = new Map<string, WeakRef<T>>();
  const gone = new FinalizationRegistry<string>((hash) => {
    if (byHash.get(hash)?.deref() === undefined) byHash.delete(hash);
  });
  return (module) => {
    const known = byModule.get(module);
    if (known !== undefined) return known;
    const { hash } = module;
    const others = byHash.get(hash)?.deref();
    const value = others ?? make();
    byModule.set(module, value);
    if (others === undefined) {
      byHash.set(hash, new WeakRef(value));
      gone.register(value, hash);
    }
    return value;
  };
}
