/** What a package needs of an essential one: places in that one's output. */
export interface EssentialPart {
  readonly of: string;
  readonly only: readonly string[];
}

/**
 * Debian's programs find in every system what essential packages have there, and do not say so. What their scripts run
 * is found in the scripts; this is the rest, given with the package through which programs use it, and no more than that:
 * whole, these packages are 10 MB.
 *
 * - All that draw on a terminal are linked to libtinfo6, which looks for the descriptions of terminals, and letters of
 *   more than one byte need a locale: C.UTF-8 is the one that is always there.
 * - Who has a shell has a pager (`git log`) and users by the names that Debian always has.
 */
export const ESSENTIAL_PARTS: ReadonlyMap<string, readonly EssentialPart[]> = new Map([
  [
    'libtinfo6',
    [
      { of: 'libc-bin', only: ['/lib/locale'] },
      { of: 'ncurses-base', only: ['/lib/terminfo', '/share/tabset'] },
    ],
  ],
  [
    'bash',
    [
      { of: 'base-passwd', only: ['/etc'] },
      { of: 'util-linux', only: ['/bin/more', '/bin/pager'] },
    ],
  ],
]);
