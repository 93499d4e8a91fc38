import { hash } from 'node:crypto';
import type { z } from 'zod';
import type { BlobStore, Generation, IoOptions } from './blob-store.ts';
import type { ObjectKey } from './object-key.ts';
import { readRecordBytes, recordBytes } from './record-proof.ts';
import type { RememberedRecords } from './remembered-records.ts';

/**
 * What was found where a record should be. `broken`: it does not prove itself, or is of another shape or version; to be
 * rebuilt and replaced.
 */
export type FoundRecord<T> =
  | { readonly kind: 'found'; readonly value: T; readonly generation: Generation }
  | { readonly kind: 'absent' }
  | {
      readonly kind: 'broken';
      readonly reason: string;
      readonly generation: Generation;
      /** It never had a proof: a version before there were any wrote it. `value`: what it says, where it has the shape. */
      readonly unproved?: { readonly value?: T };
    };

/** What a record says, proved or not, for who looks after a store that several versions have written. */
export function saidBy<T>(found: FoundRecord<T>): T | undefined {
  if (found.kind === 'absent') return undefined;
  return found.kind === 'found' ? found.value : found.unproved?.value;
}

export interface RecordOptions<T> extends IoOptions {
  /** Where large records of this kind are parsed once. */
  readonly remembered?: RememberedRecords<T> | undefined;
}

/** Reads a record, and checks its proof and its shape. What is broken is noticed; what never had a proof is no fault. */
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
  const read = parseRecord(key, bytes, schema);
  if (read.kind === 'found') remembered?.set(key, bytes, read.value);
  else if (read.unproved?.value === undefined) store.notice?.({ kind: 'broken-record', key, reason: read.reason });
  return { ...read, generation };
}

type ParsedRecord<T> =
  | { readonly kind: 'found'; readonly value: T }
  | { readonly kind: 'broken'; readonly reason: string; readonly unproved?: { readonly value?: T } };

function parseRecord<T>(key: ObjectKey, bytes: Buffer, schema: z.ZodType<T>): ParsedRecord<T> {
  const read = readRecordBytes(key, bytes);
  if (read.kind === 'broken') return read;
  const parsed = schema.safeParse(read.json);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    const reason = problems.join('; ').slice(0, 500);
    return { kind: 'broken', reason, ...(read.kind === 'unproved' && { unproved: {} }) };
  }
  if (read.kind === 'proved') return { kind: 'found', value: parsed.data };
  return { kind: 'broken', reason: 'it has no proof', unproved: { value: parsed.data } };
}

/**
 * Writes a record unless a sound one is there, and returns the one that stands afterwards: the caller goes on with its
 * values, never with its own.
 *
 * @param found what was read before; a broken record is replaced
 */
export async function settleRecord<T extends object>(
  store: BlobStore,
  key: ObjectKey,
  schema: z.ZodType<T>,
  value: T,
  found: FoundRecord<T>,
  options: RecordOptions<T> = {},
): Promise<T> {
  const { remembered, ...io } = options;
  const bytes = recordBytes(key, value);
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
  const bytes = recordBytes(key, value);
  return found.kind === 'absent'
    ? store.createRecord(key, bytes, options)
    : store.replaceRecord(key, bytes, found.generation, options);
}

/**
 * Version of how records prove themselves, and a part of every key: what another version wrote lies under other keys, so
 * that neither takes the other's records for broken while both are at work in one store.
 */
const RECORDS = 2;

/** JSON: what a key hash is made of. */
type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/**
 * The name of an object whose content is decided by `fields`: a SHA-256 over the canonical JSON (keys sorted, no white
 * space) of the version of records and the fields, in hexadecimal. Put a format version among the fields.
 */
export function keyHash(fields: Json): string {
  return hash('sha256', canonicalJson([RECORDS, fields]));
}

function canonicalJson(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonicalJson(field)}`).join(',')}}`;
  }
  return JSON.stringify(value);
}
