import type { IncomingHttpHeaders } from 'node:http';
import type { LookUpBudget } from '../builder/pins.ts';
import type { Answer } from './answer.ts';

/** A request for something outside of /v2/, of somebody who may pull. */
export interface PageRequest {
  readonly method: string;
  /** As it came, escapes included. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly user: string | undefined;
  readonly address: string;
  /** Where the client reaches this registry; undefined when it does not say so in a way that can be used. */
  readonly origin: string | undefined;
  /** For references that nobody pulled before. */
  readonly lookUps?: LookUpBudget | undefined;
  readonly signal: AbortSignal;
}

/** What lies outside of /v2/. */
export type Pages = (request: PageRequest) => Answer | Promise<Answer>;

const WELCOME = `nixery-run: a container registry whose image names are their contents.

  docker pull HOST/shell/git/htop     an image with a shell, git and htop
  docker pull HOST/arm64/hello        the same kind of image for 64-bit ARM

HOST is this server. Each part of the name is a package; "shell" stands for bash, coreutils, moreutils and nano.
`;

/**
 * On every page. Nothing is taken from elsewhere, nothing runs that stands in the page itself, nobody shows it in a frame
 * of theirs, and no address of ours goes to where a link leads.
 */
export const PAGE_HEADERS = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': 'camera=(), geolocation=(), microphone=()',
  'Referrer-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
};

/** What a browser, or a curious curl, sees outside of /v2/ where there are no pages. */
export function welcomeAnswer({ path }: Pick<PageRequest, 'path'>): Answer {
  const headers = { 'Content-Type': 'text/plain; charset=utf-8', ...PAGE_HEADERS };
  if (path === '/') return { status: 200, headers, body: Buffer.from(WELCOME) };
  return { status: 404, headers, body: Buffer.from('Nothing is here. The registry is at /v2/.\n') };
}
