// What modules of equal bytes share.

import type { Module } from '../../runtime/module/module.ts';

/**
 * One value for all modules of equal bytes, made when it is first asked for. It lasts as long as one of them; then `over`
 * is told the hash.
 */
export function byContent<T extends object>(make: () => T, over?: (hash: string) => void): (module: Module) => T {
  const byModule = new WeakMap<Module, T>();
  const byHash = new Map<string, WeakRef<T>>();
  const gone = new FinalizationRegistry<string>((hash) => {
    if (byHash.get(hash)?.deref() !== undefined) return;
    byHash.delete(hash);
    over?.(hash);
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
