import { createHash } from 'node:crypto';
import type { z } from 'zod';
import type { BlobStore, Generation, IoOptions } from './blob-store.ts';
import type { ObjectKey } from './object-key.ts';
import type { RememberedRecords } from './remembered-records.ts';

/** What was found where a record should be. `broken`: no JSON, or of another shape or version; to be rebuilt and replaced. */
export type FoundRecord<T> =
  | { readonly kind: 'found'; readonly value: T; readonly generation: Generation }
  | { readonly kind: 'absent' }
  | { readonly kind: 'broken'; readonly reason: string; readonly generation: Generation };

export interface RecordOptions<T> extends IoOptions {
  /** Where large records of this kind are parsed once. */
  readonly remembered?: RememberedRecords<T> | undefined;
}

/** Reads a record and checks its shape. */
export async function findRecord<T>(
  store: BlobStore,
  key: ObjectKey,
  schema: z.ZodType<T>,
  { remembered, ...options }: RecordOptions<T> = {},
): Promise<FoundRecord<T>> {
  const stored = await store.readRecord(key, options);
  if (stored === undefined) return { kind: 'absent' };
  const { bytes, generation } = stored;
  const known = remembered?.get(key, bytes);
  if (known !== undefined) return { kind: 'found', value: known, generation };
  const read = parseRecord(bytes, schema);
  if (read.kind === 'found') {
    remembered?.set(key, bytes, read.value);
    return { ...read, generation };
  }
  store.notice?.({ kind: 'broken-record', key, reason: read.reason });
  return { ...read, generation };
}

function parseRecord<T>(
  bytes: Buffer,
  schema: z.ZodType<T>,
): { readonly kind: 'found'; readonly value: T } | { readonly kind: 'broken'; readonly reason: string } {
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString());
  } catch (error) {
    return { kind: 'broken', reason: `not JSON: ${(error as Error).message}` };
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return { kind: 'found', value: parsed.data };
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  return { kind: 'broken', reason: problems.join('; ').slice(0, 500) };
}

/**
 * Writes a record unless a sound one is there, and returns the one that stands afterwards: the caller goes on with its
 * values, never with its own.
 *
 * @param found what was read before; a broken record is replaced
 */
export async function settleRecord<T>(
  store: BlobStore,
  key: ObjectKey,
  schema: z.ZodType<T>,
  value: T,
  found: FoundRecord<T>,
  options: RecordOptions<T> = {},
): Promise<T> {
  const { remembered, ...io } = options;
  const bytes = Buffer.from(JSON.stringify(value));
  let current = found;
  for (let attempt = 0; attempt < 10; attempt++) {
    options.signal?.throwIfAborted();
    if (current.kind === 'found') return current.value;
    const written =
      current.kind === 'absent'
        ? await store.createRecord(key, bytes, io)
        : await store.replaceRecord(key, bytes, current.generation, io);
    if (written) {
      remembered?.set(key, bytes, value);
      return value;
    }
    current = await findRecord(store, key, schema, options);
  }
  throw new Error(`${store.name}: ${key} changes faster than it can be settled`);
}

/**
 * Writes a record in the place of what was read, sound or not. False when somebody else wrote meanwhile: theirs stands,
 * and is as new.
 */
export function overwriteRecord(
  store: BlobStore,
  key: ObjectKey,
  value: object,
  found: FoundRecord<unknown>,
  options: IoOptions = {},
): Promise<boolean> {
  const bytes = Buffer.from(JSON.stringify(value));
  return found.kind === 'absent'
    ? store.createRecord(key, bytes, options)
    : store.replaceRecord(key, bytes, found.generation, options);
}

/** JSON: what a key hash is made of. */
type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/**
 * The name of an object whose content is decided by `fields`: a SHA-256 over their canonical JSON (keys sorted, no
 * white space), in hexadecimal. Put a format version among the fields.
 */
export function keyHash(fields: Json): string {
  return createHash('sha256').update(canonicalJson(fields)).digest('hex');
}

function canonicalJson(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonicalJson(field)}`).join(',')}}`;
  }
  return JSON.stringify(value);
}
