import { z } from 'zod';
import { type Digest, digestOfBytes, hexOf, parseDigest } from '../oci/digest.ts';
import { MediaType } from '../oci/media-type.ts';
import { storePathSchema } from '../nix/store-path.ts';
import { objectKey } from '../storage/object-key.ts';

/** Version of the record and of its key. */
const FORMAT = 1;

const digestSchema = z.custom<Digest>(
  (value) => typeof value === 'string' && parseDigest(value) !== undefined,
  'not a digest',
);

/** `images/<key>`, and the same under `images/<hex of the manifest's digest>`. */
const recordSchema = z.object({
  version: z.literal(FORMAT),
  /** The key that it was made for. */
  key: z.string(),
  revision: z.string(),
  digest: digestSchema,
  /** The manifest's bytes, which are ASCII. */
  manifest: z.string(),
  /** What the manifest names: config and layers. */
  blobs: z.array(digestSchema),
  /** What was asked for, as an image's name says it. */
  attributes: z.array(z.string()),
  /** The same, as the package set knows it; absent in records of before there was a policy for that. */
  asked: z.array(z.object({ attributePath: z.string(), packageName: z.string() })).optional(),
  system: z.enum(['x86_64-linux', 'aarch64-linux']),
  /** What it was made from, as names in `packages/`, `contents/` and `joins/`; the digests are of the blobs that paths are packed in. */
  packages: z.array(z.string()),
  contents: z.array(z.object({ path: storePathSchema, name: z.string(), digest: digestSchema })),
  joins: z.array(z.string()),
  /** Layers that were not in the store when the image was made; absent in records of before that was kept. */
  fresh: z.array(digestSchema).optional(),
});
export const imageRecordSchema = recordSchema.refine(
  ({ digest, manifest }) => digestOfBytes(manifest) === digest,
  "the manifest's digest is another",
);
export type ImageRecord = z.infer<typeof recordSchema>;

export function imageRecord(fields: Omit<ImageRecord, 'version'>): ImageRecord {
  return { version: FORMAT, ...fields };
}

/** An image that can be served. */
export interface Image {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly bytes: Buffer;
  readonly revision: string;
  /** Of its config and its layers, as they are sent. */
  readonly sizeBytes: number;
  readonly blobs: readonly BlobLength[];
}

/** A config or a layer, as a manifest names it. */
export interface BlobLength {
  readonly digest: Digest;
  readonly size: number;
}

export function imageOf(record: ImageRecord): Image {
  let image = images.get(record);
  if (image === undefined) {
    const { digest, revision, manifest } = record;
    const blobs = blobsOf(manifest);
    const sizeBytes = blobs.reduce((sum, { size }) => sum + size, 0);
    image = { mediaType: MediaType.manifest, digest, revision, sizeBytes, blobs, bytes: Buffer.from(manifest) };
    images.set(record, image);
  }
  return image;
}

function blobsOf(manifest: string): readonly BlobLength[] {
  const { config, layers } = manifestSchema.parse(JSON.parse(manifest));
  return [config, ...layers];
}

const blobSchema = z.object({ digest: digestSchema, size: z.number() });
const manifestSchema = z.object({ config: blobSchema, layers: z.array(blobSchema) });

/**
 * An image of which a record without a proof tells: what the manifest says, which its digest proves. What was asked for
 * is not believed, and so not known.
 *
 * @param hex of the digest that is wanted
 */
export function imageByManifest(record: ImageRecord, hex: string): ImageRecord | undefined {
  if (hexOf(record.digest) !== hex) return undefined;
  const blobs = [...new Set(blobsOf(record.manifest).map(({ digest }) => digest))];
  return { ...record, blobs, asked: undefined };
}

/** A record in memory is served thousands of times a second. */
const images = new WeakMap<ImageRecord, Image>();

/** Where the record of an image lies, by its key or by the hexadecimal digits of its manifest's digest. */
export function imageObject(name: string) {
  return objectKey('images', name);
}
