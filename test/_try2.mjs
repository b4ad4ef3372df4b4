import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { Module, VM } from '../dist/src/index.js';
const k = {
fib: [`(module (func $fib (export "run") (param i32) (result i32)
 (if (result i32) (i32.lt_s (local.get 0) (i32.const 2)) (then (local.get 0)) (else
  (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1))) (call $fib (i32.sub (local.get 0) (i32.const 2))))))))`, 30],
mix: [`(module (func (export "run") (param i32) (result i32) (local $h i64) (local $i i32)
 (local.set $h (i64.const 0x12345678))
 (loop $l (local.set $h (i64.xor (i64.mul (local.get $h) (i64.const 0x9E3779B97F4A7C15)) (i64.shr_u (local.get $h) (i64.const 29))))
  (local.set $h (i64.rotl (i64.add (local.get $h) (i64.extend_i32_u (local.get $i))) (i64.const 13)))
  (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get 0)))) (i32.wrap_i64 (local.get $h))))`, 3000000],
sieve: [`(module (memory 20) (func (export "run") (param $n i32) (result i32) (local $i i32) (local $j i32) (local $c i32)
 (local.set $i (i32.const 2))
 (memory.fill (i32.const 0) (i32.const 0) (local.get $n))
 (loop $l
  (if (i32.eqz (i32.load8_u (local.get $i))) (then
    (local.set $c (i32.add (local.get $c) (i32.const 1)))
    (local.set $j (i32.shl (local.get $i) (i32.const 1)))
    (block $d (loop $m (br_if $d (i32.ge_u (local.get $j) (local.get $n)))
      (i32.store8 (local.get $j) (i32.const 1)) (local.set $j (i32.add (local.get $j) (local.get $i))) (br $m)))))
  (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
 (local.get $c)))`, 1000000],
nbody: [`(module (memory 1) (func (export "run") (param $n i32) (result i32) (local $x f64) (local $y f64) (local $d f64)
 (local.set $x (f64.const 1.5)) (local.set $y (f64.const 0.5))
 (loop $l (local.set $d (f64.sub (local.get $x) (local.get $y)))
  (local.set $x (f64.sub (local.get $x) (f64.mul (local.get $d) (f64.const 0.01))))
  (f64.store (i32.const 8) (local.get $x))
  (local.set $y (f64.add (f64.mul (local.get $d) (f64.sqrt (f64.load (i32.const 8)))) (f64.div (local.get $y) (f64.const 1.1))))
  (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))) (i32.trunc_f64_s (f64.mul (local.get $x) (f64.const 1000)))))`, 2000000],
ind: [`(module (type $t (func (param i32) (result i32))) (table funcref (elem $a $b $c)) (func $a (type $t) (i32.add (local.get 0) (i32.const 1))) (func $b (type $t) (i32.mul (local.get 0) (i32.const 3))) (func $c (type $t) (i32.xor (local.get 0) (i32.const 0x55)))
 (func (export "run") (param $n i32) (result i32) (local $x i32) (loop $l (local.set $x (call_indirect (type $t) (local.get $x) (i32.rem_u (local.get $n) (i32.const 3)))) (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))) (local.get $x)))`, 2000000]};
for (const [name,[wat,n]] of Object.entries(k)) {
  const bytes = await parse(wat); const m = Module.from(bytes);
  const host = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
  const rs = []; let hm=Infinity, om=Infinity, f=0;
  const vm = new VM(); const i = vm.instantiate(m);
  for (let r=0;r<6;r++) { let t=performance.now(); const a=host.run(n); const h=performance.now()-t; const f0=vm.fuelUsed; t=performance.now(); const b=vm.invoke(i.func('run'),[n])[0]; const o=performance.now()-t; f=vm.fuelUsed-f0; if(a!==b) console.log('BAD',a,b); hm=Math.min(hm,h); om=Math.min(om,o); }
  console.log(name, hm.toFixed(1), om.toFixed(1), (om/hm).toFixed(1), 'Mfuel/s', (f/om/1000).toFixed(0));
}
