// `wasbox/javascript` in a browser, with an image and without: what it does there is what it does in Node.

import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { image, lying } from '../javascript/images.ts';
import { js, resultOf } from '../javascript/programs.ts';
import { quickjsBytes } from '../javascript/quickjs.ts';
import { Browser, inBrowser } from './chromium.ts';
import { untilItWaits } from './sandbox.ts';

/** `sandbox.ts` as a script that leaves `sandbox` behind. */
async function script(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('sandbox.ts', import.meta.url))],
    bundle: true,
    write: false,
    format: 'iife',
    globalName: 'sandbox',
    target: 'es2022',
    // A script has no address of its own.
    logOverride: { 'empty-import-meta': 'silent' },
  });
  return outputFiles[0]?.text as string;
}

declare const sandbox: typeof import('./sandbox.ts');

inBrowser('a program begins with an image as without one, and goes on in Node', async (t) => {
  t.timeout(300_000);
  const code = 'const list = [3, 1, 2].map((x) => x * ask(x)); list.join()';
  const browser = await Browser.empty(t);
  const page = await browser.open('about:blank');
  await page.addScriptTag({ content: await script() });
  const quickjs = [...quickjsBytes];
  const told = (given: Uint8Array | undefined) =>
    page.evaluate(({ quickjs, image, code }) => sandbox.untilItWaits(quickjs, image, code), {
      ...{ quickjs, code },
      image: given && [...given],
    });
  const { token: _, ...here } = await untilItWaits(quickjs, undefined, code);
  for (const given of [image, undefined]) {
    const { token, ...there } = await told(given);
    t.deepEqual(there, here);
    const done = await js.resume(Uint8Array.from(token), { results: { 'r-1': 2 }, tools: { ask: async () => 10 } });
    t.is(resultOf(done), '6,10,20');
  }
  // The page does look at what it is given.
  t.not((await told(lying())).hash, here.hash);
  t.deepEqual(browser.failures, []);
});
