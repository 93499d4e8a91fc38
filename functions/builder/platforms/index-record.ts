import { z } from 'zod';
import { type Digest, digestOfBytes, hexOf } from '../../oci/digest.ts';
import { digestSchema } from '../../oci/digest-schema.ts';
import { imageIndexSchema, serialiseImageIndex } from '../../oci/image-index.ts';
import { MediaType } from '../../oci/media-type.ts';
import { architectureOf, type System } from '../../oci/platform.ts';
import { objectKey } from '../../storage/object-key.ts';
import type { Image } from '../image.ts';

/** Version of the record. */
const FORMAT = 1;

/** `platforms/<hex of the index's digest>`: of a name the images of several platforms. */
export const platformsSchema = z
  .object({
    version: z.literal(FORMAT),
    digest: digestSchema,
    /** The index's bytes, which are ASCII. */
    index: z.string(),
    revision: z.string(),
  })
  .refine(({ digest, index }) => digestOfBytes(index) === digest, "the index's digest is another");
export type PlatformsRecord = z.infer<typeof platformsSchema>;

/** Where the record of an index lies. */
export function platformsObject(digest: Digest) {
  return objectKey('platforms', hexOf(digest));
}

/** The manifests that an index leads to. */
export function manifestsOf({ index }: PlatformsRecord): readonly Digest[] {
  return imageIndexSchema.parse(JSON.parse(index)).manifests.map(({ digest }) => digest);
}

/** The record of an index of images, each for another platform: the same for the same images. */
export function platformsRecord(
  entries: readonly { readonly system: System; readonly image: Image }[],
): PlatformsRecord {
  const { bytes, digest } = serialiseImageIndex(
    entries.map(({ system, image }) => ({
      mediaType: image.mediaType,
      digest: image.digest,
      size: image.bytes.length,
      platform: { architecture: architectureOf(system), os: 'linux' },
    })),
  );
  return { version: FORMAT, digest, index: bytes.toString(), revision: entries[0]?.image.revision ?? '' };
}

/** An index as it is served: config and layers are its manifests'. */
export function indexOf({ digest, index, revision }: PlatformsRecord): Image {
  return { mediaType: MediaType.index, digest, bytes: Buffer.from(index), revision, sizeBytes: 0, blobs: [] };
}
