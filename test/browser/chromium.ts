// Headless Chromium for tests. Where there is none, tests in it are skipped, and that is said loudly.

import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type BrowserContext, chromium, type Page } from 'playwright-core';

const paths = [process.env.WASBOX_CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const executablePath = paths.find((path) => path !== undefined && isExecutable(path));
if (executablePath === undefined)
  console.warn('NO CHROMIUM: what runs in a browser is not tested. Install it, or name it by WASBOX_CHROMIUM.');

/** A test in a browser. One runs after the other: each starts a browser. */
export const inBrowser = executablePath === undefined ? test.serial.skip : test.serial;

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export class Browser {
  /** What its pages have complained of. */
  readonly failures: string[] = [];
  private context: BrowserContext | undefined;

  private constructor(private readonly data: string) {}

  /** One that has kept nothing yet. */
  static async empty(t: ExecutionContext): Promise<Browser> {
    const data = await mkdtemp(join(tmpdir(), 'wasbox-chromium-'));
    const browser = new Browser(data);
    t.teardown(async () => {
      await browser.close();
      await rm(data, { recursive: true, force: true, maxRetries: 5 });
    });
    return browser;
  }

  /** Starts it, with what it has kept from the last time, and opens the page. `policy`: a content security policy. */
  async open(address: string, policy?: string): Promise<Page> {
    this.context = await chromium.launchPersistentContext(this.data, {
      ...(executablePath === undefined ? {} : { executablePath }),
      headless: true,
      args: flags,
    });
    if (policy !== undefined)
      await this.context.route('**/*', async (route) => {
        const response = await route.fetch();
        await route.fulfill({ response, headers: { ...response.headers(), 'content-security-policy': policy } });
      });
    const page = this.context.pages()[0] ?? (await this.context.newPage());
    page.on('pageerror', (error) => this.failures.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') this.failures.push(message.text());
    });
    await page.goto(address);
    return page;
  }

  async close(): Promise<void> {
    await this.context?.close();
  }
}
