import type { Answer } from './answer.ts';

const WELCOME = `nixery-run: a container registry whose image names are their contents.

  docker pull HOST/shell/git/htop     an image with a shell, git and htop
  docker pull HOST/arm64/hello        the same kind of image for 64-bit ARM

HOST is this server. Each part of the name is a package; "shell" stands for bash, coreutils, moreutils and nano.
`;

/** What a browser, or a curious curl, sees outside of /v2/. */
export function pageAnswer(path: string): Answer {
  const headers = { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' };
  if (path === '/') return { status: 200, headers, body: Buffer.from(WELCOME) };
  return { status: 404, headers, body: Buffer.from('Nothing is here. The registry is at /v2/.\n') };
}
