import test from 'ava';
import wasbox from '../../src/js-api/index.ts';
import { Trap } from '../../src/spec/errors.ts';
import { both, exportsOf, interpreted, odd, ours } from './both.ts';

/** What a function throws. */
function thrownBy(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

const throwing = (thrown: unknown) => () => {
  throw thrown;
};

const through = `
  (import "m" "f" (func $f))
  (func $inner (call $f))
  (func (export "run") (call $inner) unreachable)`;

both('what an import throws reaches the caller of the export, whatever it is', async (t, api) => {
  for (const thrown of [new Error('mine'), { any: 'object' }, 'text', undefined, null, 5, -0]) {
    const { run } = await exportsOf(api, through, { m: { f: throwing(thrown) } });
    t.is(thrownBy(run), thrown);
  }
});

both('the guest can be called again after an exception went through it', async (t, api) => {
  let calls = 0;
  const f = () => {
    calls++;
    if (calls === 1) throw new Error('once');
  };
  const fields = `
    (import "m" "f" (func $f))
    (global $depth (mut i32) (i32.const 0))
    (func (export "run") (result i32)
      (global.set $depth (i32.add (global.get $depth) (i32.const 1)))
      (call $f)
      (global.get $depth))`;
  const { run } = await exportsOf(api, fields, { m: { f } });
  t.throws(run, { message: 'once' });
  t.is(run(), 2);
});

/** Factorial: each step leaves the guest and comes back. */
const factorial = `
  (import "m" "again" (func $again (param i32) (result i32)))
  (func (export "run") (param i32) (result i32)
    (if (result i32) (i32.eqz (local.get 0))
      (then (i32.const 1))
      (else (i32.mul (local.get 0) (call $again (i32.sub (local.get 0) (i32.const 1)))))))`;

both('exports may be called from inside an import, hundreds deep', async (t, api) => {
  const { run } = await exportsOf(api, factorial, { m: { again: (n: number) => run(n) } });
  t.is(run(10), 3628800);
  t.is(run(250), 0);
});

both('calls of host and guest without end are a RangeError, and leave nothing behind', async (t, api) => {
  let deepest = 0;
  const again = (n: number): number => {
    deepest = Math.max(deepest, -n);
    return run(n);
  };
  const { run } = await exportsOf(api, factorial, { m: { again } });
  const fall = (frames: number): number => (frames === 0 ? run(-1) : fall(frames - 1));
  for (let frames = 0; frames < 40; frames++)
    t.throws(() => fall(frames), { instanceOf: RangeError, message: /call stack/ });
  t.true(deepest > 250, String(deepest));
  t.is(run(10), 3628800);
});

both('recursion of the guest without end is a RangeError', async (t, api) => {
  const { run } = await exportsOf(api, '(func $f (export "run") (call $f))');
  t.throws(run, { instanceOf: RangeError, message: 'Maximum call stack size exceeded' });
});

both('a nested call that fails leaves the outer one as it was', async (t, api) => {
  const fields = `
    (import "m" "f" (func $f (param i32) (result i32)))
    (func $fail (export "fail") (param i32) (local i64 i64 i64)
      (if (local.get 0) (then (call $fail (i32.sub (local.get 0) (i32.const 1)))))
      unreachable)
    (func (export "run") (result i32) (local i32)
      (local.set 0 (i32.const 30))
      (i32.add (i32.add (local.get 0) (call $f (i32.const 5))) (local.get 0)))`;
  const { run, fail } = await exportsOf(api, fields, {
    m: {
      f(depth: number) {
        t.throws(() => fail(depth), { instanceOf: api.RuntimeError });
        return 4;
      },
    },
  });
  t.is(run(), 64);
});

test('a trap tells the guest’s stack', async (t) => {
  const { run } = await exportsOf(wasbox, '(func $inner unreachable) (func $outer (export "run") (call $inner))');
  const error = thrownBy(run) as Error;
  t.true(error instanceof wasbox.RuntimeError);
  t.is(error.message, 'unreachable');
  t.regex(
    String(error.stack),
    /^RuntimeError: unreachable\n {4}at inner \(wasm-function\[0\]:0x[\da-f]+\)\n {4}at outer /,
  );
  t.true(error.cause instanceof Trap);
});

/** Calls the import, and tells which clause caught what it threw: 1, or 0 if nothing was thrown. */
const catchAll = `
  (import "m" "f" (func $f))
  (func (export "run") (result i32)
    (block $caught (try_table (catch_all $caught) (call $f)) (return (i32.const 0)))
    (i32.const 1))
  (func (export "again") (result exnref)
    (block $caught (result exnref) (try_table (catch_all_ref $caught) (call $f)) (return (ref.null exn)))
    throw_ref)`;

ours('catch_all catches what JavaScript throws, and rethrows the same', async (t, api) => {
  for (const thrown of [new Error('mine'), 'text', undefined]) {
    const { run, again } = await exportsOf(api, catchAll, { m: { f: throwing(thrown) } });
    t.is(run(), 1);
    t.throws(again, { instanceOf: TypeError }, 'an exnref does not cross');
  }
});

const legacy = `
  (import "m" "f" (func $f))
  (func (export "swallow") (result i32) try (result i32) call $f i32.const 0 catch_all i32.const 1 end)
  (func (export "cleanup") try call $f catch_all rethrow 0 end)`;

both('legacy catch_all catches what JavaScript throws, and rethrows the same', async (t, api) => {
  for (const thrown of [new Error('mine'), 'text', undefined]) {
    const { swallow, cleanup } = await exportsOf(api, legacy, { m: { f: throwing(thrown) } });
    t.is(swallow(), 1);
    t.is(thrownBy(cleanup), thrown);
  }
});

both('traps are never caught by the guest, not even through JavaScript', async (t, api) => {
  const { trap, overflow } = await exportsOf(
    api,
    '(func (export "trap") unreachable) (func $f (export "overflow") (call $f))',
  );
  const { swallow } = await exportsOf(api, legacy, { m: { f: () => trap() } });
  t.throws(swallow, { instanceOf: api.RuntimeError });
  const { swallow: direct } = await exportsOf(api, legacy, { m: { f: trap } });
  t.throws(direct, { instanceOf: api.RuntimeError });
  const { swallow: overflowing } = await exportsOf(api, legacy, { m: { f: () => overflow() } });
  t.throws(overflowing, { instanceOf: RangeError });
});

/** Legacy exceptions, which every host has. */
both('neither a trap that JavaScript throws again is caught, nor that its own stack is used up', async (t, api) => {
  const { trap } = await exportsOf(api, '(func (export "trap") unreachable)');
  const again = (act: () => unknown) => () => {
    throw thrownBy(act);
  };
  const endless = (): number => 1 + endless();
  const old = thrownBy(trap);
  const overflow = thrownBy(endless);
  for (const f of [trap, again(trap), throwing(old), endless, again(endless), throwing(overflow)]) {
    const { swallow, cleanup } = await exportsOf(api, legacy, { m: { f } });
    for (const run of [swallow, cleanup])
      t.true(thrownBy(run) instanceof (f === endless || String(f).includes('endless') ? RangeError : Error));
  }
  const { swallow } = await exportsOf(api, legacy, { m: { f: throwing(new api.RuntimeError('unreachable')) } });
  t.is(swallow(), 1);
});

const withTag = `
  (import "m" "tag" (tag $tag (param i32)))
  (import "m" "f" (func $f))
  (func (export "throw") (param i32) (throw $tag (local.get 0)))
  (func (export "catch") (result i32)
    try (result i32) call $f i32.const -1 catch $tag end)
  (func (export "rethrow") try call $f catch $tag drop rethrow 0 end)`;

both('exceptions cross with their tags and arguments', async (t, api) => {
  const tag = new api.Tag({ parameters: ['i32'] });
  const other = new api.Tag({ parameters: ['i32'] });
  let thrown: unknown = new api.Exception(tag, [42]);
  const f = () => {
    throw thrown;
  };
  const guest = await exportsOf(api, withTag, { m: { tag, f } });
  t.is(guest.catch(), 42);
  t.is(thrownBy(guest.rethrow), thrown);
  thrown = new api.Exception(other, [1]);
  t.is(thrownBy(guest.catch), thrown);
  const made = thrownBy(() => guest.throw(7)) as WebAssembly.Exception;
  t.true(made instanceof api.Exception);
  t.true(made.is(tag));
  t.false(made.is(other));
  t.is(made.getArg(tag, 0), 7);
  t.throws(() => made.getArg(other, 0), { instanceOf: TypeError });
  thrown = made;
  t.is(thrownBy(guest.rethrow), made);
  t.is(guest.catch(), 7);
});

ours('arguments of exceptions are checked', (t, { Exception, Tag }) => {
  const tag = new Tag({ parameters: ['i32', 'externref'] });
  const exception = new Exception(tag, [1.9, tag]);
  t.deepEqual([exception.getArg(tag, 0), exception.getArg(tag, 1)], [1, tag]);
  t.throws(() => exception.getArg(tag, 2), { instanceOf: RangeError });
  t.throws(() => exception.getArg(tag, -1), { instanceOf: TypeError });
  t.throws(() => exception.is(odd({})), { instanceOf: TypeError });
  t.throws(() => new Exception(tag, [1]), { instanceOf: TypeError });
  t.throws(() => new Exception(odd({}), []), { instanceOf: TypeError });
  t.throws(() => new Tag(odd({})), { instanceOf: TypeError });
  t.is(exception.stack, undefined);
  t.is(typeof new Exception(tag, [1, 2], { traceStack: true }).stack, 'string');
});

interpreted(
  'an exception that only JavaScript holds keeps its arguments while the guest makes garbage',
  async (t, api) => {
    const tag = new api.Tag({ parameters: ['i32'] });
    const fields = `
    (import "m" "tag" (tag $tag (param i32)))
    (type $s (struct (field i64 i64 i64 i64)))
    (func (export "throw") (throw $tag (i32.const 99)))
    (func (export "litter") (param i32)
      (loop (drop (struct.new_default $s))
        (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))`;
    const guest = await exportsOf(api, fields, { m: { tag } });
    const held = thrownBy(guest.throw) as WebAssembly.Exception;
    guest.litter(200_000);
    t.is(held.getArg(tag, 0), 99);
  },
);

const jsTagged = `
  (import "m" "tag" (tag $js (param externref)))
  (import "m" "f" (func $f))
  (func (export "value") (result externref)
    (block $caught (result externref) (try_table (catch $js $caught) (call $f)) (ref.null extern)))
  (func (export "throw") (param externref) (throw $js (local.get 0)))
  (func $tail (return_call $f))
  (func (export "tail") (result externref)
    (block $caught (result externref) (try_table (catch $js $caught) (call $tail)) (ref.null extern)))`;

ours('the JavaScript tag stands for whatever JavaScript throws', async (t, api) => {
  const object = {};
  let thrown: unknown = object;
  const f = () => {
    throw thrown;
  };
  const guest = await exportsOf(api, jsTagged, { m: { tag: api.JSTag, f } });
  t.is(guest.value(), object);
  t.is(guest.tail(), object);
  t.is(
    thrownBy(() => guest.throw(object)),
    object,
  );
  const tag = new api.Tag({ parameters: ['externref'] });
  thrown = new api.Exception(tag, [object]);
  t.is(thrownBy(guest.value), thrown);
  t.throws(() => new api.Exception(api.JSTag, [object]), { instanceOf: TypeError });
});

ours('a handler in an instance below catches what crosses another instance', async (t, api) => {
  const inner = await exportsOf(api, through, { m: { f: throwing('text') } });
  const { value } = await exportsOf(api, jsTagged, { m: { tag: api.JSTag, f: inner.run } });
  t.is(value(), 'text');
});
