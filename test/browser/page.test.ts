// The page of examples/browser: its program is paused, stored, and gone on with after a reload, after a new start of the
// browser, in the other engine, and in Node.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import type { Page } from 'playwright-core';
import { Module, VM } from '../../src/index.ts';
import { Browser, inBrowser } from './chromium.ts';

const folder = fileURLToPath(new URL('../../examples/browser/', import.meta.url));
const module = Module.from(await readFile(join(folder, 'public/maze.wasm')));
const engines = ['interpreter', 'native'] as const;
const other = { interpreter: 'native', native: 'interpreter' } as const;
const seed = 7;

/** What the guest comes to on the host's own engine, in one go. */
async function expected(): Promise<string> {
  const { instance } = await WebAssembly.instantiate(await readFile(join(folder, 'public/maze.wasm')));
  const { main } = instance.exports as { main: (seed: number) => number };
  return told(main(seed));
}
const told = (result: unknown) => `#${(Number(result) >>> 0).toString(16).padStart(8, '0')}`;

/** The address of the served page. */
async function served(t: ExecutionContext): Promise<string> {
  const server = spawn(process.execPath, [join(folder, 'serve.js'), '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => server.kill());
  const [address] = await once(createInterface(server.stdout), 'line');
  return address;
}

const reached = (page: Page, state: string) =>
  page.locator(`body[data-state=${state}]`).waitFor({ state: 'attached', timeout: 120_000 });
/** Where each frame of the stack stands in the maze. Locals that are not used any more are not kept. */
const places = async (page: Page) => (await text(page, 'frames')).match(/(?:carve|solve)x \d+ {2}y \d+/g) ?? [];
const text = async (page: Page, id: string) => (await page.locator(`#${id}`).textContent()) ?? '';
/** The least, or the most fuel for each frame of the screen. */
const go = (page: Page, speed: 'slow' | 'fast') => page.locator('#speed').fill(speed === 'slow' ? '2.5' : '6');

/** Lets it run until the stack is so deep, and stores it there. */
async function pauseAt(page: Page, depth: number): Promise<void> {
  await page.waitForFunction(
    (least) => Number(document.querySelector('#depth')?.textContent?.replace(',', '')) > least,
    depth,
  );
  await page.click('#pause');
  await reached(page, 'paused');
}

/** The bytes that the page has stored. */
const storedBytes = (page: Page): Promise<number[]> =>
  page.evaluate(
    () =>
      new Promise<number[]>((resolve, reject) => {
        const opening = indexedDB.open('wasbox-maze');
        opening.onerror = () => reject(opening.error);
        opening.onsuccess = () => {
          const asking = opening.result.transaction('programs').objectStore('programs').get('maze');
          asking.onsuccess = () => resolve([...asking.result.bytes]);
          asking.onerror = () => reject(asking.error);
        };
      }),
  );

for (const engine of engines)
  inBrowser(`a program is paused, stored and gone on with, begun on ${engine}`, async (t) => {
    t.timeout(300_000);
    const address = `${await served(t)}?seed=${seed}&engine=${engine}`;
    const browser = await Browser.empty(t);
    let page = await browser.open(address);
    await reached(page, 'running');
    t.false(await page.evaluate(() => crossOriginIsolated), 'no headers are needed');
    t.is(await page.locator('#engine').inputValue(), engine);
    await go(page, 'slow');
    await pauseAt(page, 20);
    const [depth, frames] = [await text(page, 'depth'), await places(page)];
    t.true(frames.length > 5);
    const before = Uint8Array.from(await storedBytes(page));

    // The same frames after a reload.
    await page.reload();
    await reached(page, 'paused');
    t.is(await text(page, 'depth'), depth);
    t.deepEqual(await places(page), frames);

    // On for a while, to the other engine in the middle of it, and stored again.
    await go(page, 'slow');
    await page.click('#go');
    await page.selectOption('#engine', other[engine]);
    await pauseAt(page, 40);
    const later = await places(page);
    const bytes = Uint8Array.from(await storedBytes(page));
    t.notDeepEqual(bytes, before);

    // Another browser, as it were.
    await browser.close();
    page = await browser.open(address);
    await reached(page, 'paused');
    t.deepEqual(await places(page), later);
    await go(page, 'fast');
    await page.click('#go');
    await reached(page, 'done');
    t.is(await text(page, 'result'), await expected());
    t.deepEqual(browser.failures, []);

    // What the browser stored goes on in Node as well.
    for (const here of engines) {
      const vm = VM.restore(bytes, { engine: here, modules: [module] });
      const outcome = vm.run();
      t.is(outcome.status === 'returned' && told(outcome.values[0]), await expected(), here);
    }
  });

inBrowser('what has ended is not stored any more, and a new maze begins', async (t) => {
  t.timeout(300_000);
  const browser = await Browser.empty(t);
  const page = await browser.open(`${await served(t)}?seed=${seed}`);
  await go(page, 'fast');
  await reached(page, 'done');
  t.is(await text(page, 'result'), await expected());
  await page.click('#again');
  await reached(page, 'done');
  t.not(await text(page, 'result'), await expected());
  await page.reload();
  await go(page, 'fast');
  await reached(page, 'done');
  t.is(await text(page, 'result'), await expected());
  t.deepEqual(browser.failures, []);
});

/** What a page has to allow besides its own scripts. */
const allowances = { interpreter: '', native: `'wasm-unsafe-eval'` };

for (const engine of engines)
  inBrowser(`a strict content security policy lets it be (${engine})`, async (t) => {
    t.timeout(300_000);
    const browser = await Browser.empty(t);
    const policy = `default-src 'self'; img-src data:; script-src 'self' ${allowances[engine]}`;
    const page = await browser.open(`${await served(t)}?seed=${seed}&engine=${engine}`, policy);
    await go(page, 'fast');
    await reached(page, 'done');
    t.is(await text(page, 'result'), await expected());
    t.deepEqual(browser.failures, []);
  });
