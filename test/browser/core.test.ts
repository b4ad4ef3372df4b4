// The core in a browser does what it does in Node, to the byte of what it saves: random programs, on both engines and
// hopping from one to the other.

import { fileURLToPath } from 'node:url';
import test from 'ava';
import { build } from 'esbuild';
import { lodepng } from '../binary/modules.ts';
import { allFeatures } from '../fuzz/features.ts';
import { counterName, generate } from '../fuzz/generate.ts';
import { Random } from '../fuzz/random.ts';
import { Browser, inBrowser } from './chromium.ts';
import { compiled, lines, type Trial } from './trial.ts';

/** The other engine has no objects. */
const kinds = [
  { programs: 25, features: allFeatures.filter((feature) => feature !== 'gc'), engines: ['interpreter', 'native'] },
  { programs: 10, features: allFeatures, engines: ['interpreter'] },
] as const;

type Kind = (typeof kinds)[number];

const trialsOf = ({ programs, features }: Kind): Trial[] =>
  Array.from({ length: programs }, (_, i) => {
    const seed = 1000 + i;
    const { bytes, shape } = generate(new Random(seed), features);
    return { seed, counter: counterName, bytes: [...bytes], functions: shape.functions };
  });

/** `trial.ts` as a script that leaves `trial` behind. */
async function script(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('trial.ts', import.meta.url))],
    bundle: true,
    write: false,
    format: 'iife',
    globalName: 'trial',
    target: 'es2022',
    // A script has no address of its own.
    logOverride: { 'empty-import-meta': 'silent' },
  });
  return outputFiles[0]?.text as string;
}

declare const trial: typeof import('./trial.ts');

test('programs are suspended often, and end in each way', (t) => {
  const all = trialsOf(kinds[0]).flatMap((each) => lines(each, ['interpreter']));
  t.true(all.filter((line) => line.startsWith('fuel,')).length > 60);
  t.true(all.filter((line) => line.startsWith('[')).length > 15);
  t.true(all.some((line) => line.includes(' at ')));
});

for (const kind of kinds)
  inBrowser(`${kind.programs} random programs, on ${kind.engines.join(' and ')}`, async (t) => {
    t.timeout(300_000);
    const trials = trialsOf(kind);
    const expected = trials.map((each) => lines(each, ['interpreter']));
    const browser = await Browser.empty(t);
    const page = await browser.open('about:blank');
    await page.addScriptTag({ content: await script() });
    const ways = [...kind.engines.map((engine) => [engine]), [...kind.engines].reverse()];
    for (const engines of ways) {
      const told = await page.evaluate(({ trials, engines }) => trials.map((each) => trial.lines(each, engines)), {
        trials,
        engines,
      });
      t.deepEqual(told, expected, engines.join());
    }
    t.deepEqual(browser.failures, []);
  });

inBrowser('modules that are compiled beside other work', async (t) => {
  const browser = await Browser.empty(t);
  const page = await browser.open('about:blank');
  await page.addScriptTag({ content: await script() });
  const { bytes } = lodepng;
  const damaged = bytes.with(bytes.length >> 1, 0xff);
  for (const given of [bytes, damaged, bytes.slice(0, 50_000)]) {
    const expected = await compiled([...given]);
    t.is(await page.evaluate((bytes) => trial.compiled(bytes), [...given]), expected);
    t.regex(expected, given === bytes ? /^[0-9a-f]{64} memory,/ : /^(Malformed|Invalid)Error: /);
  }
  t.deepEqual(browser.failures, []);
});
