// The page of examples/approval: code is submitted, the server killed, the call approved, and the answer seen. WASBOX_PICTURES
// names a folder for pictures of it.

import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { Server, stateFolder } from '../approval.ts';
import { Browser, inBrowser } from './chromium.ts';

const patience = { timeout: 120_000 };

/** A card in that status. */
const card = (page: Page, status: string) => page.locator(`.run[data-status=${status}]`);

async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env.WASBOX_PICTURES;
  if (folder !== undefined) await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}

inBrowser('code waits for a click, over kill -9 of the server', async (t) => {
  t.timeout(600_000);
  const folder = await stateFolder(t);
  const server = await Server.start(t, folder);
  const browser = await Browser.empty(t);
  const page = await browser.open(server.address);
  await page.locator('.empty').waitFor(patience);
  await page.click('.main');
  await card(page, 'waiting').waitFor(patience);
  t.is(await page.locator('.question code').textContent(), 'pay("Stationer\'s", 850)');
  t.is(await page.locator('.printed').textContent(), 'paper, ink, a stapler: 76 + 342 + 432 = 850');
  t.is(await page.locator('.code').textContent(), await page.locator('#code').inputValue());
  await picture(page, 'waits');

  await server.end('SIGKILL');
  await page.locator('body[data-server=down]').waitFor(patience);
  await picture(page, 'down');
  await Server.start(t, folder, new URL(server.address).port);
  await page.locator('body[data-server=up]').waitFor(patience);
  await page.click('.approve');
  await card(page, 'done').waitFor(patience);
  t.is(await page.locator('.answer').textContent(), "{ total: 850, receipt: 'R-1' }");
  t.is(await page.locator('.entries li').count(), 2);
  t.is(await page.locator('#balance').textContent(), '4,150');

  // All samples, side by side; what was written by strangers is text.
  const samples = page.locator('.sample');
  for (let i = 1; i < (await samples.count()); i++) {
    await samples.nth(i).click();
    await page.click('.main');
    await page.waitForFunction((count) => document.querySelectorAll('.run').length === count, i + 1, patience);
  }
  await page.fill('#code', 'console.log("<img src=x onerror=alert(1)>"); ask("<b>Really?</b>")');
  await page.click('.main');
  const all = (await samples.count()) + 1;
  await page.waitForFunction((count) => document.querySelectorAll('.run').length === count, all, patience);
  await page.waitForFunction(() => document.querySelector('[data-status=running]') === null, undefined, patience);
  await card(page, 'stopped').waitFor(patience);
  await picture(page, 'many');
  t.is(await page.locator('.question').count(), 5);
  const [strange] = await page.locator('.question code').allTextContents();
  t.is(strange, 'ask("<b>Really?</b>")');
  t.is(await page.locator('.run img, .run code b').count(), 0);
  await page.locator('.refuse').first().click();
  await page.locator('.run').first().locator('.answer').waitFor(patience);
  t.is(await page.locator('.run').first().locator('.answer').textContent(), 'false');
  await page.locator('.remove').first().click();
  await page.waitForFunction(() => document.querySelectorAll('.run').length === 5, undefined, patience);

  // What is refused is told.
  await page.fill('#code', ' ');
  await page.click('.main');
  await page.getByText('there is no code').waitFor(patience);
  const unforeseen = browser.failures.filter((line) => !/Failed to load resource/.test(line));
  t.deepEqual(unforeseen, []);
});
