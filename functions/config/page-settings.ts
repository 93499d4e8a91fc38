import { resolve } from 'node:path';
import { z } from 'zod/mini';
import { text } from './variable.ts';

/** What people see in a browser. */
export interface PageSettings {
  /** Where this registry is reached, without a slash at the end; what clients say of themselves when undefined. */
  readonly publicOrigin: string | undefined;
  /** Folder of files that are served in the place of the first page. */
  readonly folder: string | undefined;
}

export const pageVariables = z.object({
  NIXERY_PUBLIC_URL: z.optional(
    z
      .url({ protocol: /^https?$/, error: 'must be a URL, as https://registry.example.com' })
      .check(
        z.refine((url) => URL.canParse(url) && new URL(url).href === `${new URL(url).origin}/`, 'must have no path'),
      ),
  ),
  WEB_DIR: text,
});

export function pageSettings(data: z.infer<typeof pageVariables>): PageSettings {
  return {
    publicOrigin: data.NIXERY_PUBLIC_URL && new URL(data.NIXERY_PUBLIC_URL).origin,
    folder: data.WEB_DIR && resolve(data.WEB_DIR),
  };
}
