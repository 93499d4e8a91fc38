import pLimit from 'p-limit';
import { z } from 'zod';
import { storePathBaseName, storePathSchema } from '../../nix/store-path.ts';
import type { Digest } from '../../oci/digest.ts';
import type { System } from '../../oci/platform.ts';
import type { BlobStore, IoOptions } from '../../storage/blob-store.ts';
import { findRecord } from '../../storage/record.ts';
import type { ImageRecord } from '../../builder/image.ts';
import { packageObject } from '../../builder/package-record.ts';

/** What is in an image, for people. */
export interface ImageAnatomy {
  readonly digest: Digest;
  readonly revision: string;
  readonly system: System;
  /** Of all layers, as a client with an empty store downloads them. */
  readonly packedBytes: number;
  /** Of all store paths in it. */
  readonly unpackedBytes: number;
  /** From the bottom to the top. */
  readonly layers: readonly ImageAnatomyLayer[];
  /** In the order of the names; also those that every image holds. */
  readonly packages: readonly ImagePackage[];
  readonly storePaths: readonly { readonly name: string; readonly sizeBytes: number }[];
}

export interface ImageAnatomyLayer {
  readonly digest: string;
  readonly sizeBytes: number;
  /** What is in it: the name of the store path that was packed as this layer; undefined where it was put
   *  together of several, or copied, and for the image's root. */
  readonly storePath?: string | undefined;
}

export interface ImagePackage {
  readonly attribute: string;
  readonly name: string;
  readonly version: string | null;
  /** Whether the image's name asks for it. */
  readonly isAsked: boolean;
  /** Store paths of its closure, and what they take unpacked. */
  readonly closurePaths: number;
  readonly closureBytes: number;
}

/** What two images have in common. */
export interface SharedParts {
  readonly layers: number;
  readonly layerBytes: number;
  readonly storePaths: number;
  readonly storePathBytes: number;
}

/** Of a package's record what is needed here: its listings are most of it. */
const closureSchema = z.object({
  kind: z.literal('package'),
  attribute: z.string(),
  name: z.string(),
  packageVersion: z.string().nullable(),
  closure: z.array(z.object({ path: storePathSchema, narSizeBytes: z.number() })),
});
const manifestSchema = z.object({ layers: z.array(z.object({ digest: z.string(), size: z.number() })) });

/** Records of packages that are in memory at once. */
const MAX_RECORDS = 4;

/** @returns what is known: records of packages that are gone are left out */
export async function anatomyOf(store: BlobStore, record: ImageRecord, options: IoOptions = {}): Promise<ImageAnatomy> {
  const limit = pLimit(MAX_RECORDS);
  const found = await Promise.all(
    record.packages.map((key) => limit(() => findRecord(store, packageObject(key), closureSchema, options))),
  );
  const known = found.flatMap((one) => (one.kind === 'found' ? [one.value] : []));
  const sizes = new Map(known.flatMap(({ closure }) => closure.map((one) => [one.path, one.narSizeBytes] as const)));
  const packedIn = Map.groupBy<string, (typeof record.contents)[number]>(record.contents, ({ digest }) => digest);
  const onlyPathIn = (digest: string): string | undefined => {
    const [first, ...others] = packedIn.get(digest) ?? [];
    return first && others.length === 0 ? storePathBaseName(first.path).slice(33) : undefined;
  };
  const { layers } = manifestSchema.parse(JSON.parse(record.manifest));
  return {
    digest: record.digest,
    revision: record.revision,
    system: record.system,
    packedBytes: sum(layers.map(({ size }) => size)),
    unpackedBytes: sum([...sizes.values()]),
    layers: layers.map(({ digest, size }) => ({ digest, sizeBytes: size, storePath: onlyPathIn(digest) })),
    packages: known
      .map(({ attribute, name, packageVersion, closure }) => ({
        attribute,
        name,
        version: packageVersion,
        isAsked: record.attributes.includes(attribute),
        closurePaths: closure.length,
        closureBytes: sum(closure.map(({ narSizeBytes }) => narSizeBytes)),
      }))
      .sort((a, b) => Number(b.isAsked) - Number(a.isAsked) || (a.attribute < b.attribute ? -1 : 1)),
    storePaths: record.contents
      .map(({ path }) => ({ name: storePathBaseName(path), sizeBytes: sizes.get(path) ?? 0 }))
      .sort((a, b) => b.sizeBytes - a.sizeBytes || (a.name < b.name ? -1 : 1)),
  };
}

/** Pure. */
export function sharedParts(one: ImageAnatomy, other: ImageAnatomy): SharedParts {
  const layers = new Set(other.layers.map(({ digest }) => digest));
  const paths = new Set(other.storePaths.map(({ name }) => name));
  const sharedLayers = one.layers.filter(({ digest }) => layers.has(digest));
  const sharedPaths = one.storePaths.filter(({ name }) => paths.has(name));
  return {
    layers: sharedLayers.length,
    layerBytes: sum(sharedLayers.map(({ sizeBytes }) => sizeBytes)),
    storePaths: sharedPaths.length,
    storePathBytes: sum(sharedPaths.map(({ sizeBytes }) => sizeBytes)),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
