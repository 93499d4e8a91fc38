import { hash } from 'node:crypto';
import type { ObjectKey } from './object-key.ts';

/**
 * How a record proves itself. It is a JSON object whose first two fields are `proof`, the SHA-256 of all that stands behind
 * that field, and `object`, the key that it was written under: no bit of it can be another, and no part be missing, without
 * being seen, and none can lie in another's place.
 */
const PROOF = '{"proof":"';
const REST_AT = PROOF.length + 64 + '",'.length;

/** The bytes of a record, proof included. @param value of plain JSON, with at least one field */
export function recordBytes(key: ObjectKey, value: object): Buffer {
  const rest = `"object":"${key}",${JSON.stringify(value).slice(1)}`;
  return Buffer.from(`${PROOF}${hash('sha256', rest)}",${rest}`);
}

/** What a record says, and whether it proves it. */
export type ReadRecord =
  | { readonly kind: 'proved'; readonly json: unknown }
  /** Written by a version that proved nothing: it may say anything. */
  | { readonly kind: 'unproved'; readonly json: unknown }
  | { readonly kind: 'broken'; readonly reason: string };

/** Reads what {@link recordBytes} made for this key. */
export function readRecordBytes(key: ObjectKey, bytes: Buffer): ReadRecord {
  const isProved =
    bytes.toString('latin1', 0, PROOF.length) === PROOF &&
    bytes.toString('latin1', PROOF.length, REST_AT) === `${hash('sha256', bytes.subarray(REST_AT))}",`;
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString());
  } catch (error) {
    return { kind: 'broken', reason: `not JSON: ${(error as Error).message}` };
  }
  if (typeof json !== 'object' || json === null) return { kind: 'broken', reason: 'not a JSON object' };
  const { proof, object, ...rest } = json as Record<string, unknown>;
  if (!isProved) {
    // Nothing that changes one place makes a record that has its proof look like one of before there was any.
    if (proof === undefined && object === undefined) return { kind: 'unproved', json: rest };
    return { kind: 'broken', reason: 'it is not as it was written: its proof is another' };
  }
  if (object !== key) return { kind: 'broken', reason: `it was written as ${String(object)}` };
  return { kind: 'proved', json: rest };
}
