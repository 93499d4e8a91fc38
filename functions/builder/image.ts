import { z } from 'zod';
import { type Digest, parseDigest } from '../oci/digest.ts';
import { MediaType } from '../oci/descriptor.ts';
import { storePathSchema } from '../nix/store-path.ts';
import { objectKey } from '../storage/object-key.ts';

/** Version of the record and of its key. */
const FORMAT = 1;

const digestSchema = z.custom<Digest>(
  (value) => typeof value === 'string' && parseDigest(value) !== undefined,
  'not a digest',
);

/** `images/<key>`, and the same under `images/<hex of the manifest's digest>`. */
export const imageRecordSchema = z.object({
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
export type ImageRecord = z.infer<typeof imageRecordSchema>;

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
}

export function imageOf(record: ImageRecord): Image {
  let image = images.get(record);
  if (image === undefined) {
    const { digest, revision, manifest } = record;
    const sizeBytes = sizeOf(manifest);
    image = { mediaType: MediaType.manifest, digest, revision, sizeBytes, bytes: Buffer.from(manifest) };
    images.set(record, image);
  }
  return image;
}

function sizeOf(manifest: string): number {
  const { config, layers } = manifestSchema.parse(JSON.parse(manifest));
  return layers.reduce((sum, { size }) => sum + size, config.size);
}

const sized = z.object({ size: z.number() });
const manifestSchema = z.object({ config: sized, layers: z.array(sized) });

/** A record in memory is served thousands of times a second. */
const images = new WeakMap<ImageRecord, Image>();

/** Where the record of an image lies, by its key or by the hexadecimal digits of its manifest's digest. */
export function imageObject(name: string) {
  return objectKey('images', name);
}
