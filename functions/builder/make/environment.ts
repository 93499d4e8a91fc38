import { nodeAt, type RootDirectory } from '../../layer/root-node.ts';

/** What every container of these images gets. `HOME` is set by clients. `/sbin` is `/bin`; Debian's games are apart. */
const EVERYWHERE: readonly string[] = ['PATH=/bin:/usr/games', 'SSL_CERT_FILE=/etc/ssl/certs/ca-bundle.crt'];

/** Where glibc of Debian has the locale of all letters, and where nixpkgs' `glibcLocales` has all locales. */
const LOCALE = 'lib/locale/C.utf8';
const ARCHIVE = 'lib/locale/locale-archive';

/**
 * The environment of an image with this root: letters are UTF-8 where there is a locale that says so. nixpkgs' glibc finds
 * an archive of locales only by its variable.
 */
export function environmentOf(root: RootDirectory): readonly string[] {
  const archive = nodeAt(root, ARCHIVE) !== undefined;
  const hasLocale = archive || nodeAt(root, LOCALE) !== undefined;
  return [...EVERYWHERE, ...(hasLocale ? ['LANG=C.UTF-8'] : []), ...(archive ? [`LOCALE_ARCHIVE=/${ARCHIVE}`] : [])];
}
