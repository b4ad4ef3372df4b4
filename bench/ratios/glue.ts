// Loads a package's own scripts (CommonJS) with another `WebAssembly` than the host's, as often as there are engines to
// compare: each load has its own copies of the package's files.

import { readFileSync } from 'node:fs';
import { createRequire, isBuiltin } from 'node:module';
import { dirname } from 'node:path';
import { compileFunction } from 'node:vm';
import type { WebAssemblyNamespace } from 'wasbox/webassembly';

/** What the file exports. `globals` stand in for further global names. */
export function loadWith<T>(
  wasm: WebAssemblyNamespace,
  file: string,
  globals: Readonly<Record<string, unknown>> = {},
): T {
  const loaded = new Map<string, { exports: unknown }>();
  const given = { WebAssembly: wasm, ...globals };
  const load = (path: string): unknown => {
    const known = loaded.get(path);
    if (known !== undefined) return known.exports;
    const module = { exports: {} as unknown };
    loaded.set(path, module);
    const own = createRequire(path);
    const inner = (name: string): unknown => (isBuiltin(name) ? own(name) : load(own.resolve(name)));
    const names = ['exports', 'require', 'module', '__filename', '__dirname', ...Object.keys(given)];
    const run = compileFunction(readFileSync(path, 'utf8'), names, { filename: path });
    run(module.exports, inner, module, path, dirname(path), ...Object.values(given));
    return module.exports;
  };
  return load(file) as T;
}
