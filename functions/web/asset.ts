import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Answer } from '../answers/answer.ts';

/** Beside the program, in the sources as in a bundle. */
const FOLDER = new URL('./assets/', import.meta.url);

const TYPES = {
  'style.css': 'text/css; charset=utf-8',
  'page.js': 'text/javascript; charset=utf-8',
  'favicon.svg': 'image/svg+xml',
} as const;
export type AssetName = keyof typeof TYPES;

/** The page's own files, which are few and small and are read once. */
export interface Assets {
  /** Where a file is: the address changes with its content. */
  urlOf(name: AssetName): string;
  /** Undefined for a path that is none of them. */
  answer(path: string): Answer | undefined;
}

export const ASSET_PREFIX = '/-/';

/** @throws Error of the file system when one is missing */
export async function readAssets(): Promise<Assets> {
  const byPath = new Map<string, Answer>();
  const urls = new Map<string, string>();
  for (const [name, type] of Object.entries(TYPES)) {
    const body = await readFile(new URL(name, FOLDER));
    const hash = createHash('sha256').update(body).digest('hex').slice(0, 12);
    const path = `${ASSET_PREFIX}${hash}/${name}`;
    urls.set(name, path);
    byPath.set(path, {
      status: 200,
      headers: {
        'Content-Type': type,
        // For whoever may see it, and for ever: another content has another address.
        'Cache-Control': 'private, max-age=31536000, immutable',
        'X-Content-Type-Options': 'nosniff',
        'Cross-Origin-Resource-Policy': 'same-origin',
      },
      body,
    });
  }
  return { urlOf: (name) => urls.get(name) ?? '', answer: (path) => byPath.get(path) };
}
