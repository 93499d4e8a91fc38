import { packageRecordSchema, packageObject } from '../builder/package-record.ts';
import type { ImageRecord } from '../builder/image.ts';
import type { StorePath } from '../nix/store-path.ts';
import type { BlobStore, IoOptions } from '../storage/blob-store.ts';
import { blobKey } from '../storage/known-blobs.ts';
import { type Area, type ObjectKey, objectKey, splitObjectKey } from '../storage/object-key.ts';
import { findRecord, saidBy } from '../storage/record.ts';
import { describeImage, nameOf } from './describe-image.ts';
import { eachOf } from './each-of.ts';
import { blobNamedBy, recordsNaming } from './naming-records.ts';
import { isSelected, type Selection } from './selection.ts';
import { indexesOf, withManifests } from './stored-indexes.ts';
import { eachImage, keptBy, neededBy, type StoredImage } from './stored-images.ts';

export interface PurgeOptions extends IoOptions {
  /** Also what the named packages are packed as, and so every image that holds it. */
  readonly packed?: boolean;
  /** Finds out what would be removed and removes nothing. */
  readonly dryRun?: boolean;
  /** Is told of each object when it has been removed, or would be. */
  readonly removed?: (object: RemovedObject) => void;
}

export interface RemovedObject {
  readonly key: ObjectKey;
  readonly sizeBytes: number;
  /** What it was, for a person: a store path, an image. */
  readonly about: string;
}

export type PurgeOutcome =
  | { readonly kind: 'purged'; readonly images: number; readonly objects: number; readonly blobBytes: number }
  | { readonly kind: 'no-image' }
  /** The digest is of no manifest, but of a blob in these images. */
  | { readonly kind: 'not-a-manifest'; readonly namedBy: readonly ImageRecord[] };

/**
 * After the images' own records, in this order, each wholly before the next. Who finds no image makes one anew; no record
 * outlives its blobs. A purge that is interrupted leaves blobs that no record names, which expire in a bucket.
 */
const ORDER: readonly Area[] = ['joins', 'contents', 'packages', 'layers'];

/**
 * Removes images, and what only they need.
 *
 * Instances may serve meanwhile. One that has such an image in memory goes on naming it for an hour at most, and no longer
 * than until a client asks for its config, which no other image has: that is `BLOB_UNKNOWN`, and the next pull makes the
 * image anew. The same goes for an image that an instance is making at this moment of something that is removed.
 */
export async function purge(
  store: BlobStore,
  selected: Exclude<Selection, { kind: 'invalid' }>,
  { packed = false, dryRun = false, removed, signal }: PurgeOptions = {},
): Promise<PurgeOutcome> {
  const options = { signal };
  const selection = await withManifests(store, selected, options);
  const targets = new Map<ObjectKey, StoredImage>();
  const namedBy = new Map<string, ImageRecord>();
  await eachImage(
    store,
    (image) => {
      if (isSelected(selection, image.record, packed)) targets.set(image.key, image);
      else if (selection.kind === 'digest' && image.record.blobs.includes(selection.digest)) {
        namedBy.set(image.record.digest, image.record);
      }
    },
    options,
  );
  if (targets.size === 0) {
    return namedBy.size > 0 ? { kind: 'not-a-manifest', namedBy: [...namedBy.values()] } : { kind: 'no-image' };
  }
  const outputs = packed ? await outputsOf(store, selection, [...targets.values()], options) : new Set<StorePath>();
  const isTarget = ({ record }: StoredImage): boolean =>
    isSelected(selection, record, packed) || record.contents.some(({ path }) => outputs.has(path));
  if (outputs.size > 0) {
    await eachImage(
      store,
      (image) => {
        if (isTarget(image)) targets.set(image.key, image);
      },
      options,
    );
  }

  const about = new Map<ObjectKey, string>();
  for (const { record } of targets.values()) describeImage(record, about);
  let objects = 0;
  let blobBytes = 0;
  const remove = (keys: Iterable<ObjectKey>) =>
    eachOf(keys, async (key) => {
      const stat = await store.stat(key, options);
      if (stat === undefined || !(dryRun || (await store.delete(key, options)))) return;
      objects++;
      if (splitObjectKey(key).area === 'layers') blobBytes += stat.sizeBytes;
      removed?.({ key, sizeBytes: stat.sizeBytes, about: about.get(key) ?? '' });
    });

  await remove(targets.keys());
  const indexes = await indexesOf(store, new Set([...targets.values()].map(({ record }) => record.digest)), options);
  for (const key of indexes) about.set(key, 'an index that leads to it');
  await remove(indexes);
  // Others are looked at only now: one that was made since the first look keeps what it needs.
  const only = new Set([...targets.values()].flatMap(({ record }) => [...neededBy(record)]));
  const others: Others = { served: new Set(), copiedFrom: new Set() };
  await eachImage(
    store,
    ({ key, record, generation }) => {
      if (isTarget({ key, record, generation })) return;
      for (const kept of keptBy(record)) only.delete(kept);
      for (const digest of [record.digest, ...record.blobs]) others.served.add(blobKey(digest));
      for (const { digest } of record.contents) others.copiedFrom.add(blobKey(digest));
    },
    options,
  );
  await settleBlobs(store, only, others, [...targets.values()], options);
  for (const key of await recordsNaming(store, only, options)) {
    only.add(key);
    if (!about.has(key)) about.set(key, 'names a layer that is removed');
  }
  for (const area of ORDER) await remove([...only].filter((key) => splitObjectKey(key).area === area));

  const images = new Set([...targets.values()].map(({ record }) => record.key)).size;
  if (!dryRun) await removeMadeMeanwhile(store, only, remove, about, options);
  return { kind: 'purged', images, objects, blobBytes };
}

/** Blobs of the images that stay. */
interface Others {
  /** What clients get of them. */
  readonly served: Set<ObjectKey>;
  /** What their paths were copied from: it holds parts of other images' layers too. */
  readonly copiedFrom: Set<ObjectKey>;
}

/**
 * A blob that others only copy from stays, unless a path lies in it that is to be gone, by what its record says now or
 * said when the image was made. The records of others' paths in it go with it, and who wants those packs them again.
 */
async function settleBlobs(
  store: BlobStore,
  only: Set<ObjectKey>,
  { served, copiedFrom }: Others,
  targets: readonly StoredImage[],
  options: IoOptions,
): Promise<void> {
  const holding = new Set<ObjectKey>();
  const going = new Set<ObjectKey>();
  for (const { name, digest } of targets.flatMap(({ record }) => record.contents)) {
    const key = objectKey('contents', name);
    if (!only.has(key)) continue;
    going.add(key);
    holding.add(blobKey(digest));
  }
  await eachOf(going, async (key) => {
    const now = await blobNamedBy(store, key, options);
    if (now !== undefined) holding.add(now);
  });
  for (const blob of holding) if (!served.has(blob)) only.add(blob);
  for (const blob of copiedFrom) if (!holding.has(blob)) only.delete(blob);
}

/** The outputs of the packages that were named, or that the images were asked for. */
async function outputsOf(
  store: BlobStore,
  selection: Exclude<Selection, { kind: 'invalid' }>,
  images: readonly StoredImage[],
  options: IoOptions,
): Promise<Set<StorePath>> {
  const asked = new Map<string, Set<string>>();
  for (const { record } of images) {
    for (const name of record.packages) {
      const attributes = asked.get(name) ?? new Set();
      const named = selection.kind === 'name' ? selection.request.attributes : record.attributes;
      for (const attribute of named) attributes.add(attribute);
      asked.set(name, attributes);
    }
  }
  const outputs = new Set<StorePath>();
  await eachOf(asked, async ([name, attributes]) => {
    const record = saidBy(await findRecord(store, packageObject(name), packageRecordSchema, options));
    if (record?.kind !== 'package' || !attributes.has(record.attribute)) return;
    for (const path of record.outputs) outputs.add(path);
  });
  return outputs;
}

/** Forgets images whose blobs were removed while they were made, so that no client has to find out. */
async function removeMadeMeanwhile(
  store: BlobStore,
  gone: ReadonlySet<ObjectKey>,
  remove: (keys: Iterable<ObjectKey>) => Promise<void>,
  about: Map<ObjectKey, string>,
  options: IoOptions,
): Promise<void> {
  const broken = new Set<ObjectKey>();
  await eachImage(
    store,
    async ({ key, record }) => {
      for (const digest of [record.digest, ...record.blobs]) {
        const blob = blobKey(digest);
        if (!gone.has(blob) || (await store.stat(blob, options)) !== undefined) continue;
        broken.add(key);
        about.set(key, `${nameOf(record)}, made meanwhile`);
      }
    },
    options,
  );
  await remove(broken);
}
