import axe from 'axe-core';
import { type Browser, chromium, type Page } from 'playwright-core';

/** A browser without a window, and what its pages complained of. */
export interface TestBrowser extends AsyncDisposable {
  /** A new page; whatever it has to complain of (scripts, the Content-Security-Policy, what did not load) is in `complaints`. */
  open(address: string, look?: PageLook): Promise<Page>;
  readonly complaints: string[];
  readonly chromium: Browser;
}

export interface PageLook {
  readonly width?: number;
  readonly colorScheme?: 'light' | 'dark';
  readonly javaScriptEnabled?: boolean;
}

/** A first search lists all packages of a set, behind all else that the machine does. */
const WAIT_MS = 240_000;

export async function startBrowser(): Promise<TestBrowser> {
  // As root Chromium does not start in its sandbox.
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  const complaints: string[] = [];
  return {
    complaints,
    chromium: browser,
    async open(address, { width = 1100, colorScheme = 'light', javaScriptEnabled = true } = {}) {
      const permissions = ['clipboard-read', 'clipboard-write'];
      const context = await browser.newContext({
        ...{ viewport: { width, height: 800 }, colorScheme, javaScriptEnabled, permissions, serviceWorkers: 'block' },
        // So that a test's own script can run in the page; the policy itself stays.
        bypassCSP: false,
      });
      // Whatever a busy machine takes: what is not there then does not come.
      context.setDefaultTimeout(WAIT_MS);
      const page = await context.newPage();
      page.on('console', (message) => {
        // Of a page that is not there, Chromium says so.
        if (message.type() === 'error' && !message.text().includes('404')) complaints.push(message.text());
      });
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('request', (request) => {
        if (new URL(request.url()).origin !== new URL(address).origin) complaints.push(`asks ${request.url()}`);
      });
      await page.goto(address);
      return page;
    },
    async [Symbol.asyncDispose]() {
      await browser.close();
    },
  };
}

/** What axe finds wrong with a page, in words. */
export async function accessibilityProblems(page: Page): Promise<string[]> {
  // Evaluated by the browser's debugger, to which the page's policy does not apply.
  await page.evaluate(axe.source);
  const found = await page.evaluate(async () => {
    const { axe: checker } = globalThis as unknown as { axe: typeof axe };
    return (await checker.run()).violations.map(({ id, nodes }) => ({ id, html: nodes.map((node) => node.html) }));
  });
  return found.map(({ id, html }) => `${id}: ${html.slice(0, 3).join(' ')}`);
}

/** By how many pixels a page is wider than its window. */
export function overflow(page: Page): Promise<number> {
  return page.evaluate('document.documentElement.scrollWidth - innerWidth');
}
