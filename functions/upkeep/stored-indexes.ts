import { manifestsOf, platformsObject, type PlatformsRecord, platformsSchema } from '../builder/platforms/platforms.ts';
import { imageObject } from '../builder/image.ts';
import { type Digest, hexOf } from '../oci/digest.ts';
import type { BlobStore, IoOptions } from '../storage/blob-store.ts';
import type { ObjectKey } from '../storage/object-key.ts';
import { findRecord } from '../storage/record.ts';
import { eachOf } from './each-of.ts';
import type { Selection } from './selection.ts';

type Selected = Exclude<Selection, { kind: 'invalid' }>;

/** What is meant by a digest that is an index's: the images that it leads to. */
export async function withManifests(store: BlobStore, selection: Selected, options: IoOptions): Promise<Selected> {
  if (selection.kind !== 'digest') return selection;
  const found = await findRecord(store, platformsObject(selection.digest), platformsSchema, options);
  return found.kind === 'found' ? { ...selection, manifests: manifestsOf(found.value) } : selection;
}

/** The records of indexes that lead to one of these images. */
export async function indexesOf(
  store: BlobStore,
  images: ReadonlySet<Digest>,
  options: IoOptions,
): Promise<readonly ObjectKey[]> {
  const naming: ObjectKey[] = [];
  await eachOf(store.list('platforms', options), async ({ key }) => {
    const found = await findRecord(store, key, platformsSchema, options);
    if (found.kind === 'found' && manifestsOf(found.value).some((digest) => images.has(digest))) naming.push(key);
  });
  return naming;
}

/** What is wrong with the record of an index: clients ask for the images that it leads to by their digests. */
export async function wrongWithIndex(
  store: BlobStore,
  key: ObjectKey,
  record: PlatformsRecord,
  options: IoOptions,
): Promise<readonly string[]> {
  const wrong = key === platformsObject(record.digest) ? [] : [`the record is that of ${record.digest}`];
  for (const digest of manifestsOf(record)) {
    const image = imageObject(hexOf(digest));
    if ((await store.stat(image, options)) === undefined) wrong.push(`${image} is gone: an image of the index`);
  }
  return wrong;
}
