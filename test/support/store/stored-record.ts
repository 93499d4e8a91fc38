import assert from 'node:assert/strict';
import type { BlobStore } from '../../../functions/storage/blob-store.ts';
import type { ObjectKey } from '../../../functions/storage/object-key.ts';
import { readRecordBytes, recordBytes } from '../../../functions/storage/record-proof.ts';

/** What a record says, whatever that is. */
export async function saidIn(store: BlobStore, key: ObjectKey): Promise<Record<string, unknown>> {
  const stored = (await store.readRecord(key)) ?? assert.fail(`there is no ${key}`);
  const read = readRecordBytes(key, stored.bytes);
  assert.ok(read.kind !== 'broken');
  return read.json as Record<string, unknown>;
}

/** Writes a record that says something else, with its proof. */
export async function rewrite(store: BlobStore, key: ObjectKey, value: object): Promise<void> {
  const { generation } = (await store.readRecord(key)) ?? assert.fail(`there is no ${key}`);
  assert.ok(await store.replaceRecord(key, recordBytes(key, value), generation));
}
