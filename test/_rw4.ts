import { rewriter } from '../src/rewrite/rewriter.ts';
let runs = 0; const why = new Map<string, number>(); let ok = 0;
const run = rewriter.run, sup = rewriter.supports; const seen = new WeakSet();
(rewriter as any).run = (...a: any) => { runs++; return (run as any)(...a); };
(rewriter as any).supports = (m: any) => { const r = sup(m); if (!seen.has(m)) { seen.add(m); if (r === true) ok++; else why.set(r, (why.get(r) ?? 0) + 1); } return r; };
process.on('exit', () => console.log({ runs, ok }, why));
await import('./_rw3.ts');
