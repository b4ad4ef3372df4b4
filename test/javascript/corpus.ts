// biome-ignore-all lint/suspicious/noTemplateCurlyInString: programs are texts.
// Programs that between them use every part of the language, small and the same on every run. Each one's value is checked
// against the host's own where the host can run it.

export interface Sample {
  readonly name: string;
  readonly code: string;
  /** It uses what the host has not, or has otherwise: tools, modules, a clock of its own. */
  readonly own?: true;
}

const sample = (name: string, code: string): Sample => ({ name, code });
const own = (name: string, code: string): Sample => ({ name, code, own: true });

export const modules: Readonly<Record<string, string>> = {
  'shapes.js':
    'import { area } from "./lib/area.js"; export default class Square { constructor(s) { this.s = s; } get area() { return area(this.s); } }',
  'lib/area.js': 'export const area = (s) => s * s; export let count = 0; export function bump() { count++; }',
};

export const tools = {
  order: async (id: number) => ({ id, total: id * 2.5, tags: ['a', 'b'] }),
  fail: () => {
    throw new RangeError('refused');
  },
};

export const corpus: readonly Sample[] = [
  sample(
    'arithmetic',
    'let s = 0; for (let i = 1; i < 60; i++) s = (s * 31 + (i ** 3 % 7) - (i >> 1) ^ (i << 3)) >>> 0; s / 3',
  ),
  sample(
    'bigint',
    'let a = 1n; for (let i = 1n; i < 30n; i++) a *= i; [a.toString(), (a % 1000003n).toString(36), BigInt.asIntN(64, a).toString(), (-7n / 2n).toString()].join()',
  ),
  sample(
    'strings',
    'const s = "The quick brown fox"; [s.split(" ").reverse().join("-").padEnd(30, "*"), s.at(-1), s.replaceAll("o", "0"), s.codePointAt(3), "ß".toUpperCase(), "ab".localeCompare("ac"), "\\u0041\\u030a".normalize("NFC"), "x".repeat(5).isWellFormed()].join("|")',
  ),
  sample(
    'regular expressions',
    'const m = "2024-05-06 and 1999-12-31".matchAll(/(?<y>\\d{4})-(?<m>\\d\\d)-(\\d\\d)/gu); [...m].map((x) => x.groups.y + x[3]).join() + "aBc".replace(/(?<=a)b/i, (c) => c + c) + /^(?:a+)+$/.test("aaaaaaaaaaab") + "a1b2".split(/\\d/) + /\\p{Lu}/u.test("É") + "x\\ny".match(/^y$/m).index',
  ),
  sample(
    'closures',
    'const make = () => { let n = 0; return { up: () => ++n, get n() { return n; } }; }; const [a, b] = [make(), make()]; a.up(); a.up(); b.up(); const fs = []; for (let i = 0; i < 5; i++) fs.push(() => i * i); a.n * 10 + b.n + fs.map((f) => f()).join()',
  ),
  sample(
    'classes',
    'class A { static #made = 0; #x; constructor(x) { this.#x = x; A.#made++; } static get made() { return A.#made; } get x() { return this.#x; } has(o) { return #x in o; } static { this.tag = "A"; } } class B extends A { y = super.x + 1; get x() { return super.x * 2; } toString() { return `B(${this.x},${this.y})`; } } const b = new B(4); `${b} ${A.made} ${b.has(b)} ${b.has({})} ${A.tag} ${b instanceof A} ${B.name}`',
  ),
  sample(
    'generators',
    'function* g(n) { try { for (let i = 0; i < n; i++) { const got = yield i; if (got) yield* [got, got]; } } finally { log.push("end"); } } const log = []; const it = g(9); const out = [it.next().value, it.next("x").value, it.next().value, it.next().value, it.return(7).value]; out.join() + log + [...g(3)].join("")',
  ),
  sample(
    'iterators',
    'const range = { *[Symbol.iterator]() { for (let i = 0; i < 9; i++) yield i; } }; const [a, , b, ...rest] = range; a + b + rest.join("") + Math.max(...range) + Array.from(range, (x) => x * 2).join("") + [...new Map(Object.entries({ p: 1, q: 2 }))].join()',
  ),
  sample(
    'destructuring',
    'const { a = 1, b: { c: [d, e = 5] = [] } = {}, ...rest } = { b: { c: [4] }, f: 6, g: 7 }; const f = ([x, y] = [1, 2], { z = x + y } = {}) => x + y + z; [a, d, e, JSON.stringify(rest), f(), f([5, 6], { z: 1 })].join()',
  ),
  sample(
    'spread and rest',
    'const f = (a, ...r) => a + r.length; const o = { ...{ a: 1, b: 2 }, b: 3 }; f(...[1, 2, 3], ..."xy") + JSON.stringify({ ...o, ...[8] }) + [...[1, 2], ...new Set([2, 3])].length',
  ),
  sample(
    'proxies',
    'const log = []; const p = new Proxy({ x: 1 }, { get: (t, k, r) => { log.push(`get ${String(k)}`); return Reflect.get(t, k, r); }, has: (t, k) => k.startsWith("v"), ownKeys: () => ["x", "z"], getOwnPropertyDescriptor: () => ({ value: 5, enumerable: true, configurable: true }), set: (t, k, v) => { t[k] = v * 2; return true; }, deleteProperty: () => true }); p.y = 4; [p.x, p.y, "vv" in p, "x" in p, Object.keys(p), delete p.q, JSON.stringify({ ...p }), log.length].join("|")',
  ),
  sample(
    'getters and setters',
    'const o = { _v: 1, get v() { return this._v; }, set v(x) { this._v = x + 1; } }; o.v = 5; Object.defineProperty(o, "w", { get() { return this.v * 2; }, enumerable: true }); JSON.stringify(o) + o.w + Object.getOwnPropertyDescriptor(o, "v").set.length',
  ),
  sample(
    'errors',
    'const out = []; try { try { null.x; } finally { out.push("f"); } } catch (e) { out.push(e instanceof TypeError); } const f = () => { try { return "t"; } finally { out.push("g"); } }; out.push(f()); try { throw new AggregateError([new Error("a")], "m", { cause: 3 }); } catch ({ message, errors, cause }) { out.push(message, errors.length, cause); } label: for (const i of [1, 2, 3]) for (const j of [1, 2]) { if (j === 2) continue label; if (i === 3) break label; out.push(i * 10 + j); } out.join()',
  ),
  sample(
    'promises',
    'const log = []; const p = (v, ms) => Promise.resolve(v).then((x) => { log.push(x); return x; }); const r = [await Promise.all([p(1), p(2)]), await Promise.race([p(3), p(4)]), await Promise.any([Promise.reject(1), p(5)]), (await Promise.allSettled([p(6), Promise.reject(7)])).map((x) => x.status)]; queueMicrotask(() => log.push("m")); await null; JSON.stringify([r, log])',
  ),
  sample(
    'async iteration',
    'async function* g() { for (let i = 0; i < 4; i++) { await null; yield i; } } let s = 0; for await (const x of g()) s += x; for await (const y of [Promise.resolve(5), 6]) s += y; const it = g(); await it.next(); await it.return(); s + String((await it.next()).done)',
  ),
  sample(
    'async functions',
    'const sleepless = async (n) => { if (n === 0) throw new Error("zero"); return n < 2 ? n : (await sleepless(n - 1)) + (await sleepless(n - 2 || 1)); }; const o = { async m() { return await sleepless(6); } }; let caught; try { await sleepless(0); } catch (e) { caught = e.message; } (await o.m()) + caught',
  ),
  sample(
    'maps and sets',
    'const m = new Map([[NaN, 1], [0, 2]]); m.set(-0, 3).delete(NaN); const s = new Set([1, 2, 3]); const t = new Set([2, 3, 4]); const w = new WeakMap(); const k = {}; w.set(k, 1); [m.size, m.get(0), [...s.union(t)], [...s.intersection(t)], s.isSubsetOf(t), w.has(k), [...Map.groupBy([1, 2, 3], (x) => x % 2)].length].join("|")',
  ),
  sample(
    'typed arrays',
    'const b = new ArrayBuffer(16, { maxByteLength: 32 }); const d = new DataView(b); d.setFloat32(0, 1.5); d.setBigInt64(8, -5n, true); const u = new Uint8Array(b); b.resize(24); [u[0], u.length, d.getBigInt64(8, true), new Float64Array([3, 1, 2]).toSorted().join(), Uint8Array.from("123", Number).subarray(1).join(), new Uint8ClampedArray([-5, 300, 1.5]).join(), new Int16Array(new Uint8Array([1, 2]).buffer)[0]].join("|")',
  ),
  sample(
    'dates',
    'const d = new Date(Date.UTC(2024, 1, 29, 12, 30)); [d.toISOString(), d.getUTCDay(), new Date(NaN).getTime(), Date.parse("2020-01-01T00:00:00Z"), new Date(2020, 0, 31, 0, 0, 0, 5).getMilliseconds(), JSON.stringify({ d })].join("|")',
  ),
  sample(
    'json',
    'const t = JSON.stringify({ a: [1, { b: undefined, c: () => 1, d: null }], e: new Date(0), f: "\\u2028\\ud800", g: { toJSON: () => "j" } }, null, 1); const p = JSON.parse(\'{"a":[1,2,{"b":3}]}\', (k, v) => (typeof v === "number" ? v + 1 : v)); t + JSON.stringify(p) + JSON.stringify([1n.toString(), NaN], ["x"])',
  ),
  sample(
    'sorting',
    'const list = Array.from({ length: 40 }, (_, i) => ({ k: (i * 17) % 8, i })); list.sort((a, b) => a.k - b.k); list.map((x) => x.i).join() + [3, 1, 10].sort() + [3, 1, 2].toSorted((a, b) => b - a)',
  ),
  sample(
    'arrays',
    'const a = [1, 2, [3, [4, [5]]]]; const sparse = [1, , 3]; [a.flat(Infinity), a.findLast((x) => x > 1), [1, 2, 3].with(1, 9), [1, 2, 3, 4].copyWithin(0, 2), sparse.length, 1 in sparse, Array.isArray(a), [5, 6].entries().next().value, [1, 2, 3].reduceRight((x, y) => x + "" + y), [..."abc"].toSpliced(1, 1, "z"), [1, 2, 3].includes(NaN), Object.groupBy([1, 2, 3], (x) => (x > 1 ? "b" : "s")).b].join("|")',
  ),
  sample(
    'symbols',
    'const s = Symbol("d"); const o = { [s]: 1, [Symbol.toPrimitive]: (h) => (h === "number" ? 7 : "p"), get [Symbol.toStringTag]() { return "T"; } }; class Even { static [Symbol.hasInstance](n) { return n % 2 === 0; } } [o[s], s.description, +o, `${o}`, Object.prototype.toString.call(o), 2 instanceof Even, Symbol.for("x") === Symbol.for("x"), Reflect.ownKeys(o).length].join("|")',
  ),
  sample(
    'tagged templates',
    'const tag = (s, ...v) => s.raw.join("_") + v.join("+") + s.length; tag`a${1}\\n${2}c` + `x${`y${"z"}`}` + String.raw`\\u00`',
  ),
  sample(
    'eval and Function',
    'const x = 5; const f = new Function("a", "b = 2", "return a * b"); eval("x + 1") + f(4) + (0, eval)("typeof x") + eval("(() => { let y = 3; return y; })()")',
  ),
  sample(
    'scopes',
    'var v = 1; { let v = 2; { const v = 3; var w = v; } } function hoisted() { return typeof inner; function inner() {} } let t; try { tdz; let tdz = 1; } catch (e) { t = e.name; } switch (v) { case 1: let q = 5; v += q; default: v++; } v + w + hoisted() + t + (() => { "use strict"; try { undeclared = 1; } catch (e) { return e.name; } })()',
  ),
  sample(
    'operators',
    'let a = null; a ??= 4; let b = 0; b ||= 5; let c = 1; c &&= 6; const o = { f: undefined, n: { m: () => 7 } }; [a, b, c, o?.n?.m?.(), o.f?.(), o.x?.y.z, 2 ** -1, 7 % -3, -7 % 3, typeof null, void 0, (1, 2), "b" in { b: 1 }, 5 & 3 | 4 ^ 1, ~5, "10" * "2", [] + {}, null ?? "d", 1 < 2 < 3].join("|")',
  ),
  sample(
    'prototypes',
    'function Old(x) { if (!new.target) return new Old(x); this.x = x; } Old.prototype.twice = function () { return this.x * 2; }; const o = Object.create(Old.prototype, { x: { value: 4 } }); const bound = Old.prototype.twice.bind({ x: 9 }); Object.setPrototypeOf(o, { __proto__: Old.prototype, extra: 1 }); [Old(3).twice(), o.twice(), bound(), bound.name, o.extra, Object.isFrozen(Object.freeze({})), Reflect.construct(Old, [5], class extends Old {}) instanceof Old].join("|")',
  ),
  sample(
    'recursion',
    'const ack = (m, n) => (m === 0 ? n + 1 : n === 0 ? ack(m - 1, 1) : ack(m - 1, ack(m, n - 1))); const deep = (n) => (n === 0 ? 0 : 1 + deep(n - 1)); const even = (n) => n === 0 || odd(n - 1), odd = (n) => n !== 0 && even(n - 1); ack(2, 3) + deep(300) + String(even(50))',
  ),
  sample(
    'math',
    '[Math.hypot(3, 4), Math.trunc(-4.7), Math.clz32(1), Math.fround(5.5), Math.imul(3, -4), Math.cbrt(27), Math.sign(-3), Math.log2(8), Math.max(), (0.1 + 0.2).toFixed(10), (255).toString(16), (1e21).toString(), parseInt("12px"), parseFloat("3.5e2x"), Number("0b11"), Number.EPSILON > 0, (1234.5678).toPrecision(6), (25).toString(2)].join("|")',
  ),
  sample(
    'iterator helpers',
    'function* n() { let i = 0; while (true) yield i++; } n().filter((x) => x % 2).map((x) => x * x).drop(1).take(4).toArray().join() + [1, 2].values().some((x) => x > 1) + Iterator.from({ next: () => ({ done: true }) }).toArray().length',
  ),
  own(
    'a tool in a comparator',
    'const ids = [3, 1, 2]; ids.sort((a, b) => order(a).total - order(b).total); ids.join()',
  ),
  own(
    'tools at once, one fails',
    'const r = await Promise.allSettled([order.async(1), fail.async(), order.async(2)]); r.map((x) => x.value?.total ?? x.reason.message).join()',
  ),
  own(
    'a tool in a getter in JSON',
    'JSON.stringify({ get total() { return order(4).total; }, list: [{ toJSON: () => order(5).tags }] })',
  ),
  own(
    'modules',
    'const { default: Square } = await import("./shapes.js"); const lib = await import("lib/area.js"); lib.bump(); lib.bump(); new Square(3).area + lib.count',
  ),
  own(
    'timers',
    'const log = []; const at = (ms) => new Promise((r) => setTimeout(() => { log.push(ms); r(); }, ms)); await Promise.all([at(30), at(10), at(20)]); let n = 0; await new Promise((r) => { const i = setInterval(() => { if (++n === 3) { clearInterval(i); r(); } }, 5); }); log.join() + n',
  ),
  own(
    'random and clock',
    'const a = Math.random(); const d = Date.now(); await new Promise((r) => setTimeout(r, 1000)); [a, Math.random(), crypto.randomUUID(), Date.now() - d >= 1000].join()',
  ),
  own(
    'web',
    'const u = new URL("/p?q=1", "https://example.org"); u.searchParams.append("r", "ü"); u.href + new TextDecoder().decode(new TextEncoder().encode("grün")) + structuredClone(new Map([[1, new Set([2])]])).get(1).size + atob(btoa("x"))',
  ),
];
