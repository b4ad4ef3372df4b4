// What random programs may use beyond what every host has, and what this host knows of it.

import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';

/** Each with a module that needs it. */
const probes = {
  references: '(module (table 1 externref))',
  'tail-call': '(module (func return_call 0))',
  atomics: '(module (memory 1) (func (drop (i32.atomic.load (i32.const 0)))))',
  'legacy-exceptions': '(module (tag))',
  exceptions: '(module (func try_table (catch_all 0) end))',
  'multi-memory': '(module (memory 1) (memory 1))',
  memory64: '(module (memory i64 1))',
  'function-references': '(module (type $t (func)) (func (param (ref null $t)) (call_ref $t (local.get 0))))',
  gc: '(module (type (struct)))',
} as const;

export type Feature = keyof typeof probes;
export const allFeatures = Object.keys(probes) as Feature[];

async function hostHas(feature: Feature): Promise<boolean> {
  return WebAssembly.validate((await parse(probes[feature])) as BufferSource);
}

const had = await Promise.all(allFeatures.map(hostHas));

/** What the host knows. */
export const hostFeatures: readonly Feature[] = allFeatures.filter((_, i) => had[i]);
