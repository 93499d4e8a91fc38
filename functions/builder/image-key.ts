import { keyHash } from '../storage/record.ts';
import type { ImageRequest } from './image-request.ts';

/** Version of the key, and of all in an image's bytes that no other version covers. */
const FORMAT = 1;

/** What decides an image's bytes, beside what was asked for. */
export interface ImageIdentity {
  /** The key hashes of the packages, in the order of the attributes. */
  readonly packages: readonly string[];
  readonly rootLayer: number;
  readonly plan: Readonly<Record<string, string | number>>;
  readonly compressor: Readonly<Record<string, string | number>>;
}

/** The key hash of an image: equal keys have equal bytes. */
export function imageKey({ system }: ImageRequest, identity: ImageIdentity): string {
  const { packages, rootLayer, plan, compressor } = identity;
  return keyHash({ format: FORMAT, system, packages, rootLayer, plan, compressor });
}
