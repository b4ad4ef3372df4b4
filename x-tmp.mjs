import { parse } from '@bytecodealliance/jco-transpile/wasm-tools'; import fs from 'fs'; import {createRequire} from 'module'; const require=createRequire(import.meta.url);
const WI=require('webassembly-interpreter');
const N={straight:5,collatz:20000,fib:27,mix:500000,nbody:2000,sieve:1000000,indirect:1000000};
for (const k of Object.keys(N)) { const b=await parse(fs.readFileSync(`bench/kernels/${k}.wat`,'utf8')); 
const i=new WebAssembly.Instance(new WebAssembly.Module(b)); let t=performance.now(); const r=i.exports.run(N[k]); console.log(k,b.length,String(r),(performance.now()-t).toFixed(2)+'ms');
try { const {instance}=await WI.instantiate(new Uint8Array(b),{}); t=performance.now(); const r=instance.exports.run(10); console.log('  WI', String(r), String(i.exports.run(10)), (performance.now()-t).toFixed(2)); } catch(e) { console.log('  WI fails', String(e.message||e).slice(0,100)); }
}
