import { resolve } from 'node:path';
import { z } from 'zod/mini';
import { matching, text } from './variable.ts';

/** `NIXERY_CHANNEL`, `NIXERY_PKGS_REPO` or `NIXERY_PKGS_PATH`. */
export type PackageSettings =
  | { readonly kind: 'channel'; readonly channel: string }
  | { readonly kind: 'git'; readonly url: string }
  | { readonly kind: 'folder'; readonly path: string };

/** The channel of nixpkgs that is used when nothing else is configured. */
const DEFAULT_CHANNEL = 'nixos-25.11';

export const packageVariables = z.object({
  NIXERY_CHANNEL: z.optional(
    matching(/^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/, 'must be the name of a channel, such as nixos-25.11, or a commit'),
  ),
  NIXERY_PKGS_REPO: z.optional(matching(/^[^-]/, 'must be the URL of a git repository')),
  NIXERY_PKGS_PATH: text,
});

/** What is wrong with variables that are right by themselves. */
export function packageProblems(set: Readonly<Record<string, string>>): string[] {
  const sources = ['NIXERY_CHANNEL', 'NIXERY_PKGS_REPO', 'NIXERY_PKGS_PATH'].filter((name) => name in set);
  return sources.length > 1 ? [`only one of ${sources.join(', ')} can be set`] : [];
}

export function packageSettings(data: z.infer<typeof packageVariables>): PackageSettings {
  if (data.NIXERY_PKGS_REPO !== undefined) return { kind: 'git', url: data.NIXERY_PKGS_REPO };
  if (data.NIXERY_PKGS_PATH !== undefined) return { kind: 'folder', path: resolve(data.NIXERY_PKGS_PATH) };
  return { kind: 'channel', channel: data.NIXERY_CHANNEL ?? DEFAULT_CHANNEL };
}
