// How long native code goes on until it looks at the pause flag follows how long it took before.

import test from 'ava';
import { VM } from '../../src/index.ts';
import { run } from '../../src/javascript/node/index.ts';
import { Pace } from '../../src/rewrite/run/quantum.ts';
import { moduleOf } from '../wat.ts';

test('what takes long gets less, what is quick gets more, each within bounds', (t) => {
  const pace = new Pace();
  const first = pace.quantum;
  t.true(pace.took(1.6) < first);
  const less = pace.quantum;
  t.true(pace.took(0.1) > less);
  for (let i = 0; i < 20; i++) pace.took(1e6);
  const least = pace.quantum;
  t.is(pace.took(1e6), least);
  t.true(least > 0);
  for (let i = 0; i < 20; i++) pace.took(0);
  t.is(pace.took(0), pace.quantum);
  t.true(pace.quantum < 2 ** 31);
});

test('frames that return do not put off the next look at the flag', async (t) => {
  const module = await moduleOf(`(func $fib (export "fib") (param i32) (result i32)
    (if (result i32) (i32.lt_s (local.get 0) (i32.const 2)) (then (local.get 0))
      (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
        (call $fib (i32.sub (local.get 0) (i32.const 2)))))))`);
  const { took } = Pace.prototype;
  let looks = 0;
  Pace.prototype.took = function () {
    looks++;
    return this.quantum;
  };
  t.teardown(() => {
    Pace.prototype.took = took;
  });
  const vm = new VM({ engine: 'native' });
  vm.start(vm.instantiate(module).func('fib'), [25]);
  t.like(vm.run({ pause: new Int32Array(new SharedArrayBuffer(4)) }), { status: 'returned', values: [75025] });
  t.true(looks >= Math.floor(vm.fuelUsed / (new Pace().quantum + 1000)), `${looks} looks, ${vm.fuelUsed} units`);
});

test('a program is not left for the first look while the host still compiles what it calls first', async (t) => {
  const { took } = Pace.prototype;
  let looks = 0;
  Pace.prototype.took = function (ms) {
    looks++;
    return took.call(this, ms);
  };
  t.teardown(() => {
    Pace.prototype.took = took;
  });
  const outcome = await run('let s = 0; for (let i = 0; i < 300; i++) s += i; s', { limits: { time: 60_000 } });
  t.like(outcome, { status: 'done', value: 44_850 });
  t.is(looks, 0);
});
