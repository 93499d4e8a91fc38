import type { NixSource } from '../source.ts';

/**
 * The URIs that an evaluation may fetch, so that it gets its source and nothing else (`allowed-uris` of nix.conf). Nix 2.8
 * compares what the expression says; newer ones what they make of it themselves: seen in 2.26, with its parameters in order.
 *
 * @see https://nix.dev/manual/nix/2.26/command-ref/conf-file#conf-allowed-uris
 */
export function allowedUris(source: Exclude<NixSource, { kind: 'folder' }>): readonly string[] {
  if (source.kind === 'tarball') return [source.url];
  const { url, revision } = source;
  const asUrl = url.startsWith('/') ? `file://${url}` : url;
  if (!URL.canParse(asUrl)) return [url];
  const parsed = new URL(asUrl);
  parsed.searchParams.set('exportIgnore', '1');
  parsed.searchParams.set('rev', revision);
  parsed.searchParams.sort();
  const git = /^git[:+]/.test(parsed.href) ? '' : 'git+';
  return [url, `${git}${parsed.href}`];
}
