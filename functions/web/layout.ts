import type { Answer } from '../answers/answer.ts';
import { PAGE_HEADERS } from '../answers/page.ts';
import type { Assets } from './asset.ts';
import { type Html, html } from './html.ts';

/** One page. */
export interface Page {
  readonly title: string;
  /** Which of the pages that are linked on all of them it is. */
  readonly at?: 'compose' | 'builds';
  readonly main: Html;
  /** Seconds after which a browser without script loads it again. */
  readonly refreshSeconds?: number | undefined;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** A page as it is sent. It is never kept: what it shows changes, and it may be somebody's alone. */
export function pageAnswer(assets: Assets, page: Page): Answer {
  const { title, at, main, refreshSeconds, status = 200, headers } = page;
  const link = (href: string, label: string, isHere: boolean) =>
    html`<a href="${href}" ${isHere ? html`aria-current="page"` : ''}>${label}</a>`;
  const document = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <title>${title}</title>
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <link rel="icon" href="${assets.urlOf('favicon.svg')}" type="image/svg+xml" />
        <link rel="stylesheet" href="${assets.urlOf('style.css')}" />
        <script src="${assets.urlOf('page.js')}" type="module"></script>
        ${refreshSeconds !== undefined && html`<noscript><meta http-equiv="refresh" content="${refreshSeconds}" /></noscript>`}
      </head>
      <body>
        <a class="skip" href="#main">Skip to the content</a>
        <header>
          <p class="brand">
            <a href="/"><img src="${assets.urlOf('favicon.svg')}" alt="" width="22" height="22" /> nixery-run</a>
          </p>
          <nav aria-label="Pages">
            ${link('/', 'Compose', at === 'compose')} ${link('/builds', 'Builds', at === 'builds')}
          </nav>
        </header>
        <main id="main">${main}</main>
        <footer>
          <p>A registry whose image names are their contents. Everything here is also <a href="/api/">JSON</a>.</p>
        </footer>
      </body>
    </html> `;
  return {
    status,
    headers: { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store', ...headers, ...PAGE_HEADERS },
    body: Buffer.from(document.html),
  };
}
