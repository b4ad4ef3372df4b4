// Values that cross, both ways and within the guest: what structured clone keeps is kept, what it refuses is refused by name.

import test from 'ava';
import fc from 'fast-check';
import { HostError, UsageError } from '../../src/index.ts';
import { decodeValue } from '../../src/javascript/values/decode.ts';
import { encodeValue } from '../../src/javascript/values/encode.ts';
import { engines, errorOf, js, resultOf } from './programs.ts';

const echo = async (value: unknown, engine: (typeof engines)[number] = 'native') =>
  resultOf(await js.run('structuredClone(echo(input))', { engine, input: value, tools: { echo: (x: unknown) => x } }));

for (const engine of engines)
  test(`${engine}: what structured clone keeps is the same after the way through the guest`, async (t) => {
    const shared = { n: 1 };
    const buffer = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]).buffer;
    const value: Record<string, unknown> = {
      texts: ['', 'a\0b', '\ud800', 'x\udc00y', '\u{1f600}', '"\\\n\u2028', 'é'.repeat(300)],
      numbers: [0, -0, 1.5, -1e300, 5e-324, Number.NaN, Infinity, -Infinity, 2 ** 53],
      bigints: [0n, -1n, 2n ** 200n, -(2n ** 64n)],
      plain: [true, false, null, undefined],
      dates: [new Date(0), new Date(1.6e12), new Date(Number.NaN)],
      map: new Map<unknown, unknown>([
        [1, 'a'],
        [shared, shared],
        [Number.NaN, new Map()],
      ]),
      set: new Set([1, '1', shared]),
      shared: [shared, shared],
      holes: Object.assign(new Array(5), { 0: 1, 2: 3, 4: undefined }),
      named: Object.assign([1, 2], { index: 4 }),
      regexp: /a\/[\d]+/giu,
      buffer,
      views: [new Uint8Array(buffer), new Float64Array(buffer), new DataView(buffer)],
      ints: [new Int8Array([-1]), new BigInt64Array([-5n]), new Uint8ClampedArray([300]), new Uint16Array([65535])],
      marks: { $: [2], deep: { $: 1, a: { $: { $: 2 } } } },
      keys: { '': 1, a: 2, '10': 3, '9': 4 },
      boxed: [Object(1), Object('s'), Object(false)],
    };
    value.self = value;
    value.cycle = new Map([['m', value]]);
    t.deepEqual(await echo(value, engine), structuredClone(value));
  });

test('what is shared stays shared, and parts of buffers are copied alone', async (t) => {
  const buffer = new Uint8Array([1, 2, 3, 4]).buffer;
  const got = (await echo({
    a: new Uint8Array(buffer),
    b: new Uint8Array(buffer),
    part: new Uint8Array(buffer, 1, 2),
  })) as Record<string, Uint8Array>;
  t.is(got.a?.buffer, got.b?.buffer);
  t.deepEqual([got.part?.buffer.byteLength, ...(got.part ?? [])], [2, 2, 3]);
  const pooled = Buffer.from('abc');
  t.true(pooled.buffer.byteLength > 3);
  t.deepEqual(await echo(pooled), Uint8Array.from([97, 98, 99]));
});

test('errors keep their kind, message and cause, and no stack of the host goes in', async (t) => {
  const error = new TypeError('outer', { cause: new AggregateError([new RangeError('inner')], 'many') });
  const got = (await echo(error)) as Error & { cause: Error & { errors: Error[] } };
  t.true(got instanceof TypeError);
  t.deepEqual([got.message, got.cause.message, got.cause.errors[0]?.message], ['outer', 'many', 'inner']);
  t.true(got.cause.errors[0] instanceof RangeError);
  t.is(resultOf(await js.run('input.stack.includes("values.test")', { input: error })), false);
  const odd = (await echo(Object.assign(new Error('x'), { name: 'OddError' }))) as Error;
  t.is(odd.name, 'OddError');
});

test('objects of classes cross as their own properties; __proto__ is a property like any other', async (t) => {
  class Point {
    x = 1;
    get y() {
      return 2;
    }
  }
  t.deepEqual(await echo(new Point()), { x: 1 });
  const got = (await echo(JSON.parse('{"__proto__": {"polluted": 1}, "constructor": 2}'))) as object;
  t.deepEqual(Object.keys(got), ['__proto__', 'constructor']);
  t.is(Object.getPrototypeOf(got), Object.prototype);
  t.is(({} as { polluted?: number }).polluted, undefined);
});

test('what cannot be copied is refused with the path to it', async (t) => {
  for (const [code, message] of [
    ['({ a: [1, { b() {} }] })', /a function cannot be copied: it is at \.a\[1\]\.b/],
    ['[Symbol("x")]', /a symbol cannot be copied: it is at \[0\]/],
    ['({ p: Promise.resolve() })', /a Promise cannot be copied: it is at \.p/],
    ['new Map([[1, () => 1]])', /function.*\.\(value\)/],
    ['new WeakMap()', /a WeakMap cannot be copied$/],
    ['function* g() {} g()', /a Generator cannot be copied/],
    ['let d = {}; for (let i = 0; i < 1000; i++) d = { d }; d', /within 400 others/],
  ] as const) {
    const error = errorOf(await js.run(code));
    t.is(error.name, 'DataCloneError', code);
    t.regex(error.message, message);
  }
  const inTool = await js.run('try { tool({ f() {} }) } catch (e) { e.message }', { tools: { tool: () => 1 } });
  t.regex(resultOf(inTool) as string, /function.*\[0\]\.f/);
  const fromTool = await js.run('try { tool() } catch (e) { e.message }', { tools: { tool: () => ({ a: () => 1 }) } });
  t.regex(resultOf(fromTool) as string, /tool.*\.a: a function cannot be copied/);
  for (const value of [() => 1, Symbol('x'), Promise.resolve(), new WeakMap(), new SharedArrayBuffer(8)])
    t.throws(() => encodeValue({ x: [value] }, 'it'), { instanceOf: UsageError, message: /^it\.x\[0\]: / });
});

test('messages that no library writes are refused', (t) => {
  const texts = [
    '',
    '{',
    '{"$":1}',
    '{"$":[]}',
    '{"$":[99]}',
    '{"$":[3,"1"]}',
    '{"$":[4,"zz"]}',
    '{"$":[5,"x"]}',
    '{"$":[8,1,2,3]}',
    '{"$":[9,0]}',
    '{"$":[10,"Uint8Array",5,0,1]}',
    '{"$":[10,"eval",{"$":[9,0]},0,1]}',
    '{"$":[11,"(","g"]}',
    '{"$":[12,7]}',
    '{"$":[13,{}]}',
    '{"$":[14,-1]}',
    '{"$":[15,1,2]}',
    `${'['.repeat(5000)}${']'.repeat(5000)}`,
  ];
  for (const text of texts)
    t.throws(() => decodeValue({ text, blobs: [] }), { instanceOf: HostError }, text.slice(0, 40));
});

test('any value of the host is the same after the way through messages', (t) => {
  const anything = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withTypedArray: true,
    withSparseArray: true,
    withBoxedValues: false,
  });
  fc.assert(
    fc.property(anything, (value) => {
      t.deepEqual(decodeValue(encodeValue(value, 'it')), structuredClone(value));
    }),
    { numRuns: 300 },
  );
});

for (const engine of engines)
  test(`${engine}: what a program does to its prototypes and globals changes nothing of what crosses`, async (t) => {
    const tricks = `
      Object.prototype.toJSON = () => "no"; Array.prototype.toJSON = () => "no"; String.prototype.toJSON = () => "no";
      Array.prototype[Symbol.iterator] = () => { throw 1; };
      Object.defineProperty(Array.prototype, "0", { set() { throw 2; }, configurable: true });
      Object.defineProperty(Object.prototype, "text", { get() { throw 3; }, set() { throw 4; } });
      Map.prototype.get = Map.prototype.set = Set.prototype.add = () => { throw 5; };
      Promise.prototype.then = Promise.resolve = () => { throw 6; };
      Function.prototype.call = Function.prototype.apply = Function.prototype.bind = () => { throw 7; };
      JSON.stringify = JSON.parse = Reflect.apply = Object.keys = Array.isArray = () => { throw 8; };
      globalThis.Map = globalThis.Promise = globalThis.Object = globalThis.JSON = globalThis.Reflect = undefined;
      ({ a: [1, tool({ q: [2], b: Uint8Array.of(5) })], n: null })`;
    const got: unknown[] = [];
    const tools = {
      tool(x: unknown) {
        got.push(x);
        return { got: x, more: [new ArrayBuffer(3)] };
      },
    };
    const value = resultOf(await js.run(tricks, { engine, tools }));
    const given = { q: [2], b: new Uint8Array([5]) };
    t.deepEqual(got, [given]);
    t.deepEqual(value, { a: [1, { got: given, more: [new ArrayBuffer(3)] }], n: null });
  });

for (const engine of engines)
  test(`${engine}: the web's globals`, async (t) => {
    const is = async (code: string, expected: unknown) =>
      t.deepEqual(resultOf(await js.run(code, { engine })), expected, code);
    await is('[...new TextEncoder().encode("é\\0\\u{1f600}\\ud800")]', [
      ...new TextEncoder().encode('é\0\u{1f600}\ud800'),
    ]);
    await is('new TextEncoder().encodeInto("aé😀", new Uint8Array(5))', { read: 2, written: 3 });
    await is('new TextDecoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 104, 0xc3, 0xa9, 0, 0xff]))', 'hé\0\ufffd');
    await is(
      'const d = new TextDecoder(); d.decode(new Uint8Array([0xf0, 0x9f]), { stream: true }) + d.decode(new Uint8Array([0x98, 0x80]))',
      '\u{1f600}',
    );
    await is(
      'try { new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array([255])) } catch (e) { e.name }',
      'TypeError',
    );
    await is('try { new TextDecoder("no such") } catch (e) { e.name }', 'RangeError');
    await is('new TextDecoder("utf-16le").decode(new Uint16Array([104, 105]))', 'hi');
    await is(
      'const u = new URL("../x?a=1#h", "https://user@exämple.org:8080/a/b/"); [u.href, u.host, u.origin, u.hash, u + "", JSON.stringify(u)]',
      (() => {
        const u = new URL('../x?a=1#h', 'https://user@exämple.org:8080/a/b/');
        return [u.href, u.host, u.origin, u.hash, `${u}`, JSON.stringify(u)];
      })(),
    );
    await is(
      'const u = new URL("https://a.b/?x=1&x=2"); u.searchParams.append("y", "a b&c"); u.searchParams.delete("x"); u.pathname = "p q"; u.href',
      'https://a.b/p%20q?y=a+b%26c',
    );
    await is(
      '[URL.canParse("nope"), URL.parse("x:y").href, new URLSearchParams({ a: "1", b: "é" }) + "", [...new URLSearchParams("?a=%zz&b=%C3%A9&c")].flat()]',
      [false, 'x:y', new URLSearchParams({ a: '1', b: 'é' }).toString(), ['a', '%zz', 'b', 'é', 'c', '']],
    );
    await is('try { new URL("nope") } catch (e) { e instanceof TypeError }', true);
    await is(
      '[crypto.getRandomValues(new Uint32Array(4)).length, /^[0-9a-f]{8}-[0-9a-f]{4}-4/.test(crypto.randomUUID())]',
      [4, true],
    );
    await is('try { crypto.getRandomValues(new Uint8Array(70000)) } catch (e) { e.name }', 'QuotaExceededError');
    await is(
      'const m = new Map([[1, { a: new Date(5) }]]); const c = structuredClone(m); [c !== m, c.get(1).a.getTime(), c.get(1) !== m.get(1)]',
      [true, 5, true],
    );
    await is('try { structuredClone(() => 1) } catch (e) { [e instanceof DOMException, e.name] }', [
      true,
      'DataCloneError',
    ]);
    await is(
      '[btoa("ab"), atob("YWI="), typeof queueMicrotask, performance.now() >= 0, performance.timeOrigin > 1e12]',
      ['YWI=', 'ab', 'function', true, true],
    );
    await is('Object.keys(globalThis)', []);
  });
