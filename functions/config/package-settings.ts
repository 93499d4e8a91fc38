import { resolve } from 'node:path';
import { z } from 'zod/mini';
import type { AllowedCommits } from '../nix/git/git.ts';
import { matching, oneOf, text } from './variable.ts';

/** `NIXERY_CHANNEL`, `NIXERY_PKGS_REPO` or `NIXERY_PKGS_PATH`. */
export type PackageSettings =
  | { readonly kind: 'channel'; readonly channel: string; readonly commits: AllowedCommits }
  | { readonly kind: 'git'; readonly url: string; readonly commits: AllowedCommits }
  | { readonly kind: 'folder'; readonly path: string };

/** The channel of nixpkgs that is used when nothing else is configured: the newest release, until the end of 2026. */
const DEFAULT_CHANNEL = 'nixos-26.05';

export const packageVariables = z.object({
  NIXERY_CHANNEL: z.optional(
    matching(/^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/, 'must be the name of a channel, such as nixos-26.05, or a commit'),
  ),
  NIXERY_PKGS_REPO: z.optional(
    z
      .string()
      .check(
        z.regex(/^[^-]/, 'must be the URL of a git repository'),
        z.refine(
          isPasswordTellable,
          'must have no password but with http or https, there in UTF-8, %-encoded, and in one line',
        ),
      ),
  ),
  NIXERY_PKGS_PATH: text,
  NIXERY_COMMITS: z._default(oneOf(['reachable', 'any']), 'reachable'),
});

/** Git takes a password from a URL of http or https, and none that has an end of a line in it. */
function isPasswordTellable(address: string): boolean {
  if (!URL.canParse(address)) return true;
  const { protocol, username, password } = new URL(address);
  if (!/^https?:$/.test(protocol)) return password === '';
  try {
    return !/[\0\r\n]/.test(decodeURIComponent(username + password));
  } catch {
    return false;
  }
}

/** What is wrong with variables that are right by themselves. */
export function packageProblems(set: Readonly<Record<string, string>>): string[] {
  const sources = ['NIXERY_CHANNEL', 'NIXERY_PKGS_REPO', 'NIXERY_PKGS_PATH'].filter((name) => name in set);
  return sources.length > 1 ? [`only one of ${sources.join(', ')} can be set`] : [];
}

export function packageSettings(data: z.infer<typeof packageVariables>): PackageSettings {
  const { NIXERY_COMMITS: commits } = data;
  if (data.NIXERY_PKGS_REPO !== undefined) return { kind: 'git', url: data.NIXERY_PKGS_REPO, commits };
  if (data.NIXERY_PKGS_PATH !== undefined) return { kind: 'folder', path: resolve(data.NIXERY_PKGS_PATH) };
  return { kind: 'channel', channel: data.NIXERY_CHANNEL ?? DEFAULT_CHANNEL, commits };
}
