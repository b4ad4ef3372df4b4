import { readFileSync } from 'node:fs';
import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { Module, VM } from '/work/main/src/index.ts';
const sizes: any = { fib: 20, collatz: 2000, mix: 4000, nbody: 300, sieve: 10000, indirect: 6000, straight: 1 };
for (const k of Object.keys(sizes)) {
  const bytes = await parse(readFileSync(`/work/main/bench/kernels/${k}.wat`, 'utf8'));
  const m = Module.from(bytes);
  const res: any[] = [];
  for (const engine of ['interpreter', 'native'] as const) {
    const vm = new VM({ engine });
    const inst = vm.instantiate(m);
    try { res.push([vm.invoke(inst.func('run'), [sizes[k]]), vm.fuelUsed]); } catch (e: any) { res.push(e.stack + e.cause?.stack); }
  }
  console.log(k, ...res);
}
