import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Popularity } from './plan/plan.ts';
import { OperatorError } from '../operator-error.ts';

/** All of nixpkgs is 2 MB. */
const MAX_POPULARITY_BYTES = 64 * 1024 * 1024;
const TIMEOUT_MS = 30_000;

/** As Nixery's popcount writes it: names with versions, and how many store paths refer to them. */
const popularitySchema = z.record(z.string(), z.number().nonnegative());

/** The popularity data cannot be had or understood. */
export class PopularityError extends OperatorError {
  readonly code = 'POPULARITY';
  override readonly name = 'PopularityError';

  constructor(url: string, problem: string, cause?: unknown) {
    super(`NIX_POPULARITY_URL: ${url} ${problem}`, { cause });
  }
}

/**
 * Reads how popular packages are. Without them other layers would be made under other names, so a start without them is
 * none.
 *
 * @param url of http, https or file
 * @throws PopularityError
 */
export async function readPopularity(url: string): Promise<Popularity> {
  let text: string;
  try {
    text = new URL(url).protocol === 'file:' ? await readFile(fileURLToPath(url), 'utf8') : await download(url);
  } catch (error) {
    if (error instanceof PopularityError) throw error;
    throw new PopularityError(url, `cannot be read: ${error instanceof Error ? error.message : String(error)}`, error);
  }
  try {
    return new Map(Object.entries(popularitySchema.parse(JSON.parse(text))));
  } catch (error) {
    throw new PopularityError(url, 'is no JSON object of names and numbers', error);
  }
}

async function download(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!response.ok || response.body === null) throw new PopularityError(url, `answers ${response.status}`);
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of response.body as AsyncIterable<Uint8Array>) {
    length += part.length;
    if (length > MAX_POPULARITY_BYTES) throw new PopularityError(url, 'is longer than 64 MiB');
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}
