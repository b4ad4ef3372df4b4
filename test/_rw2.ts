// every slice of fuel, both engines, hops
import { readFileSync } from 'node:fs';
import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { Module, VM } from '../src/index.ts';
const sizes: any = { fib: 8, collatz: 12, mix: 9, nbody: 2, sieve: 60, indirect: 12 };
const t0 = Date.now();
for (const k of Object.keys(sizes)) {
  const bytes = await parse(readFileSync(new URL(`../bench/kernels/${k}.wat`, import.meta.url), 'utf8'));
  const m = Module.from(bytes);
  const make = (engine: any) => { const vm = new VM({ engine }); vm.start(vm.instantiate(m).func('run'), [sizes[k]]); return vm; };
  let n = 0, bad = 0;
  for (const slice of [0, 1, 2, 3, 7, 19, 100]) {
    const a = make('interpreter'), b = make('native');
    let h: VM = make('native'); 
    let turn = 0;
    for (let i = 0; i < 300; i++) {
      const fa = a.store.debt + slice, fb = b.store.debt + slice;
      const x = a.run({ fuel: fa }), y = b.run({ fuel: fb });
      const z = h.run({ fuel: h.store.debt + slice });
      n++;
      const s = (o: any) => JSON.stringify(o, (k, v) => typeof v === 'bigint' ? String(v) : v);
      if (s(x) !== s(y) || s(x) !== s(z)) { console.log(k, slice, i, 'outcome', s(x), s(y), s(z), (y as any).trap?.stack, (y as any).trap?.cause); bad++; break; }
      if (a.fuelUsed !== b.fuelUsed || a.fuelUsed !== h.fuelUsed) { console.log(k, slice, i, 'fuel', a.fuelUsed, b.fuelUsed); bad++; break; }
      if (x.status === 'returned') break;
      const sa = Buffer.from(a.save().encode()), sb = Buffer.from(b.save().encode()), sh = Buffer.from(h.save().encode());
      if (!sa.equals(sb) || !sa.equals(sh)) { console.log(k, slice, i, 'bytes', a.frames()[0], b.frames()[0]); bad++; break; }
      h = VM.restore(sh, { modules: [m], engine: turn++ % 2 ? 'native' : 'interpreter' });
    }
  }
  console.log(k, n, bad, Date.now() - t0);
}
