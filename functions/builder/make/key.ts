import { LRUCache } from 'lru-cache';
import type { PackageSource } from '../../nix/source.ts';
import type { System } from '../../oci/platform.ts';
import { keyHash } from '../../storage/record.ts';
import type { ImageRequest } from '../image-request.ts';

/** Version of the key, and of all in an image's bytes that no other version covers. */
const FORMAT = 1;

/** What decides an image's bytes. */
interface ImageIdentity {
  readonly system: System;
  /** The key hashes of the packages, in the order of the attributes. */
  readonly packages: readonly string[];
  readonly rootLayer: number;
  readonly plan: Readonly<Record<string, string | number>>;
  readonly compressor: Readonly<Record<string, string | number>>;
  /** Whether it is dated by its revision. */
  readonly isDated: boolean;
}

/** The key hash of an image: equal keys have equal bytes. */
function imageKey({ system, packages, rootLayer, plan, compressor, isDated }: ImageIdentity): string {
  const dated = isDated ? { created: 'revision' } : {};
  return keyHash({ format: FORMAT, system, packages, rootLayer, plan, compressor, ...dated });
}

/** Keys of images in memory. */
const MAX_REMEMBERED = 2_000;

/** What a key is of. */
interface Identified {
  readonly request: ImageRequest;
  readonly source: Pick<PackageSource, 'identity'>;
  readonly revision: string;
}

/**
 * The keys of images, of which those used lately are remembered: a dozen hashes for each request are a twentieth of what a
 * known image costs.
 */
export function imageKeys<T extends Identified>(identityOf: (order: T) => ImageIdentity): (order: T) => string {
  const keys = new LRUCache<string, string>({ max: MAX_REMEMBERED });
  return (order) => {
    const { request, source, revision } = order;
    const name = JSON.stringify([source.identity, revision, request.system, request.attributes]);
    let key = keys.get(name);
    if (key === undefined) {
      key = imageKey(identityOf(order));
      keys.set(name, key);
    }
    return key;
  };
}
