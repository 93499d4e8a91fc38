import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Page } from 'playwright-core';
import { packageSearch } from '../../functions/builder/package-search.ts';
import { accessibilityProblems, overflow, startBrowser, type TestBrowser } from '../support/clients/browser.ts';
import { run } from '../support/command.ts';
import { debianPackages } from '../support/debian.ts';
import { projectFolder, type RegistryProcess, startRegistry } from '../support/service/registry-process.ts';
import { request, requestHeld } from '../support/http/request.ts';

/** The pages as people use them: in Chromium, against registries of their own. */

let scratch: string;
let browser: TestBrowser;
/** All of Debian; and packages whose builds print what is hard to show. */
let debian: RegistryProcess;
let logs: RegistryProcess;
before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'nixery-page-'));
  const nixFolder = join(scratch, 'nix');
  await run('mkdir', [nixFolder, join(scratch, 'debian'), join(scratch, 'logs')]);
  [browser, debian, logs] = await Promise.all([
    startBrowser(),
    startRegistry({ NIXERY_PKGS_PATH: debianPackages, STORAGE_PATH: join(scratch, 'debian') }),
    // Of its own, so that nothing is built already.
    startRegistry(
      { NIXERY_PKGS_PATH: join(projectFolder, 'test/fixtures/builds'), STORAGE_PATH: join(scratch, 'logs') },
      { nixFolder },
    ),
  ]);
});
after(async () => {
  await browser[Symbol.asyncDispose]();
  await debian[Symbol.asyncDispose]();
  await logs[Symbol.asyncDispose]();
  await rm(scratch, { recursive: true });
});

const json = async (origin: string, path: string) =>
  JSON.parse((await request(origin, 'GET', path)).body.toString()) as Record<string, unknown>;

/** podman as this machine can run it: what a person's machine does by itself. */
async function podmanSettings(): Promise<Record<string, string>> {
  const file = join(scratch, 'containers.conf');
  const limits = 'default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]';
  await writeFile(file, `[containers]\nnetns = "none"\n${limits}\n[engine]\nruntime = "runc"\n`);
  return { CONTAINERS_CONF: file };
}

describe('the first page', () => {
  it('is small, and waits for nothing but its own style before a person can use it', async (test) => {
    const page = await browser.open(`${debian.origin}/builds`);
    const session = await page.context().newCDPSession(page);
    await session.send('Network.enable');
    await session.send('Network.setCacheDisabled', { cacheDisabled: true });
    await page.goto(`${debian.origin}/?name=shell/git`);
    const loaded = await page.evaluate(() => {
      const entries = performance.getEntries() as unknown as { name: string; transferSize?: number }[];
      return entries.flatMap(({ name, transferSize }) => (transferSize === undefined ? [] : [{ name, transferSize }]));
    });
    const bytes = loaded.reduce((sum, { transferSize }) => sum + transferSize, 0);
    test.diagnostic(`${bytes} bytes: ${loaded.map(({ name }) => name).join(' ')}`);
    assert.ok(bytes > 5_000 && bytes < 60_000, `${bytes} bytes`);
    assert.ok(new Set(loaded.map(({ name }) => name)).size <= 4, 'the page, its style, its script and its icon');
    // A script in the way of the page would have to be there, and run, first.
    const inTheWay = "document.querySelectorAll('script:not([type=module]):not([defer]):not([async])').length";
    assert.equal(await page.evaluate(inTheWay), 0);
    await page.context().close();
    const script = await readFile(join(projectFolder, 'functions/web/assets/page.js'));
    assert.ok(script.length < 30_000, `${script.length} bytes of script`);
  });

  it('finds packages, makes a command of them, keeps its state in its address, and the command runs', async () => {
    const page = await browser.open(debian.origin);
    await page.getByLabel('Find packages').fill('hello');
    await page.locator('#add-hello').waitFor();
    const found = page.locator('li').filter({ has: page.locator('#add-hello') });
    assert.match(await found.locator('.size').innerText(), /^[1-9]\d* kB$/);
    await page.locator('#add-hello').focus();
    await page.keyboard.press('Enter');
    await page.locator('#command-docker').waitFor();
    assert.equal(page.url(), `${debian.origin}/?name=hello&q=hello`);
    await page.getByRole('link', { name: 'Remove hello', exact: true }).first().waitFor();
    assert.equal(await page.evaluate('document.activeElement.id'), 'add-hello', 'the focus stays where it was');
    await page.reload();
    assert.equal(await page.getByLabel('Image', { exact: true }).inputValue(), 'hello');

    await page.getByText('Podman', { exact: true }).click();
    await page.getByRole('button', { name: 'Copy the command for Podman' }).click();
    await page.getByText('Copied').waitFor();
    const command = await page.evaluate<string>('navigator.clipboard.readText()');
    assert.equal(command, `podman run --rm --tls-verify=false ${debian.host}/hello:latest`);
    assert.match(await run('sh', ['-c', command], await podmanSettings()), /Hello, world!/);
    await run('podman', ['rmi', `${debian.host}/hello:latest`]);
    await page.context().close();
  });

  it('checks names as they are typed', async () => {
    const page = await browser.open(debian.origin);
    const name = page.getByLabel('Image', { exact: true });
    await name.fill('shell/gitt');
    await page.getByText('there is no such package; did you mean').waitFor();
    assert.equal(await page.locator('#command-docker').count(), 0, 'what fails is no ready command');
    await page.locator('#verdict').getByRole('link', { name: 'git', exact: true }).click();
    await page.locator('#command-docker').waitFor();
    assert.equal(await name.inputValue(), 'shell/git');
    await name.fill('Shell//<b>"&');
    await page.getByText("is not an image's name").waitFor();
    assert.equal(await page.locator('main b').count(), 0);
    await page.context().close();
  });

  it('works without script', async () => {
    const page = await browser.open(`${debian.origin}/?q=hello`, { javaScriptEnabled: false });
    await page.locator('#add-hello').click();
    assert.match(await page.locator('#command-docker').innerText(), /^docker run --rm 127\.0\.0\.1:\d+\/hello:latest$/);
    await page.context().close();
  });
});

describe('searching all of Debian', () => {
  it('finds something for any words, and takes less than 60 MB', async (test) => {
    for (const words of ['git', 'web server', 'lib', 'a', 'python module for']) {
      const { total } = await json(debian.origin, `/api/search?q=${encodeURIComponent(words)}`);
      assert.ok(Number(total) > 0, words);
    }
    const [file = ''] = await readdir(join(scratch, 'debian', 'indexes'));
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const used = () => {
      collect();
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      return heapUsed + arrayBuffers;
    };
    let text: string | undefined = await readFile(join(scratch, 'debian', 'indexes', file), 'utf8');
    const before = used() - text.length;
    const packages = packageSearch(JSON.parse(text) as Parameters<typeof packageSearch>[0]);
    packages.search('git', 10);
    text = undefined;
    const bytes = used() - before;
    assert.ok(packages.size >= 60_000, `${packages.size} packages`);
    test.diagnostic(`${(bytes / 1e6).toFixed(1)} MB`);
    assert.ok(bytes < 60e6, `${bytes} bytes`);
  });
});

async function buildPage(origin: string): Promise<string> {
  for (;;) {
    const { builds } = (await json(origin, '/api/builds')) as { builds: { id: string }[] };
    if (builds[0] !== undefined) return `${origin}/builds/${builds[0].id}`;
  }
}

describe('the page of an image', () => {
  it('begins nothing but by its button, and then shows the build, its log as it grows, and the image', async () => {
    const page = await browser.open(`${logs.origin}/images/talks`);
    await page.getByText('was not made yet').waitFor();
    assert.deepEqual((await json(logs.origin, '/api/builds'))['builds'], []);
    await page.getByRole('button', { name: 'Make this image now' }).click();
    await page.waitForURL('**/builds/*');
    await page.getByText('line 3 of <b>talks</b>').waitFor();
    assert.match(await page.title(), /^● talks building/);

    await page.reload();
    await page.getByText('line 8 of <b>talks</b>').waitFor();
    await page.getByText('The image is made').waitFor();
    assert.match(await page.title(), /^✓ talks made/);
    const log = await page.locator('#log').innerText();
    const lines = [...log.matchAll(/^line (\d+) of/gm)].map(([, number]) => Number(number));
    assert.deepEqual(
      lines,
      Array.from({ length: 25 }, (_, index) => index),
      'each line once, in order',
    );
    await page.getByRole('link', { name: 'what is in it' }).click();
    await page.getByRole('rowheader', { name: 'talks', exact: true }).waitFor();
    await page.context().close();
  });

  it('says what it shares with another', async () => {
    await requestHeld(logs.origin, 'GET', '/v2/quiet/manifests/latest');
    const page = await browser.open(`${logs.origin}/images/talks?with=quiet`);
    assert.match(await page.locator('main').innerText(), /\d+ were in the store already .* \d+ had to be made/);
    assert.match(await page.locator('main').innerText(), /With quiet it shares \d+ layers? .* and 0 store paths/);
    await page.context().close();
  });
});

describe('the page of a failed build', () => {
  it('is reached from the address in the message of the client, with the log as text', async () => {
    const image = `${logs.host}/fails`;
    const said = await run('podman', ['pull', '--tls-verify=false', image]).then(
      () => assert.fail('there is no such image'),
      (error: unknown) => String(error),
    );
    const [address = ''] = /http:\/\/[^\s)]+\/builds\/[0-9a-f]{64}/.exec(said) ?? [];
    assert.ok(address.startsWith(`${logs.origin}/builds/`), said);
    const page = await browser.open(address);
    assert.match(await page.title(), /^✗ fails failed/);
    const log = await page.locator('#log').innerText();
    assert.match(log, /green then .*<script>document\.title="broken"<\/script>/);
    assert.match(log, /x{2000} … \(2998000 more characters\)/);
    assert.match(log, /the reason is at the end/);
    assert.doesNotMatch(log, /[\x00-\x08\x0b-\x1f]/);
    await page.context().close();
  });
});

describe('an address where nothing is', () => {
  for (const path of [`/builds/${'0'.repeat(64)}`, '/builds/<script>', '/builds/..', '/nothing', '/images/x/../y']) {
    it(`is 404 or 400: ${path}`, async () => {
      const { status, body, headers } = await request(logs.origin, 'GET', path);
      assert.ok([400, 404].includes(status), String(status));
      assert.doesNotMatch(body.toString(), /<script>/);
      assert.match(headers['content-security-policy'] ?? '', /default-src 'none'/);
    });
  }
});

describe('every page', () => {
  it('fits 360 pixels and 1100, light and dark, has nothing that axe finds, and breaks no policy', async () => {
    await requestHeld(debian.origin, 'GET', '/v2/hello/manifests/latest');
    const pages = [
      ...[`${debian.origin}/?name=shell/git/nosuch&q=web`, `${debian.origin}/images/hello?with=hello`],
      ...[`${logs.origin}/builds`, await buildPage(logs.origin), `${debian.origin}/images/never`, `${debian.origin}/x`],
    ];
    const problems: string[] = [];
    const look = async (page: Page, address: string) => {
      for (const details of await page.locator('summary').all()) await details.click();
      const wider = await overflow(page);
      if (wider > 0) problems.push(`${address} is ${wider} pixels too wide`);
      problems.push(...(await accessibilityProblems(page)).map((problem) => `${address}: ${problem}`));
    };
    for (const [width, colorScheme] of [
      [360, 'dark'],
      [1100, 'light'],
    ] as const) {
      for (const address of pages) {
        const page = await browser.open(address, { width, colorScheme });
        await look(page, `${address} (${width}, ${colorScheme})`);
        await page.context().close();
      }
    }
    assert.deepEqual(problems, []);
    assert.deepEqual(browser.complaints, []);
  });
});
