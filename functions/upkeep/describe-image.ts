import type { ImageRecord } from '../builder/image.ts';
import { blobKey } from '../storage/known-blobs.ts';
import { type ObjectKey, objectKey, splitObjectKey } from '../storage/object-key.ts';
import { neededBy } from './stored-images.ts';

/** An image, for a person. */
export function nameOf({ attributes, system, revision }: ImageRecord): string {
  return `${attributes.join('/')} (${system}) at ${revision}`;
}

/** Notes what each object of an image is. */
export function describeImage(record: ImageRecord, about: Map<ObjectKey, string>): void {
  const name = nameOf(record);
  for (const key of neededBy(record)) about.set(key, `for ${name}`);
  const [config, ...layers] = record.blobs;
  for (const digest of layers) about.set(blobKey(digest), `layer of ${name}`);
  if (config !== undefined) about.set(blobKey(config), `config of ${name}`);
  const packedIn = Map.groupBy(record.contents, ({ digest }) => digest);
  for (const { path, name: packed, digest } of record.contents) {
    about.set(objectKey('contents', packed), path);
    if (packedIn.get(digest)?.length === 1) about.set(blobKey(digest), path);
  }
  about.set(blobKey(record.digest), `manifest of ${name}`);
  about.set(objectKey('images', record.key), name);
  about.set(objectKey('images', splitObjectKey(blobKey(record.digest)).name), name);
}
