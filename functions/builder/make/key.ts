import type { System } from '../../oci/platform.ts';
import { keyHash } from '../../storage/record.ts';

/** Version of the key, and of all in an image's bytes that no other version covers. */
const FORMAT = 1;

/** What decides an image's bytes. */
export interface ImageIdentity {
  readonly system: System;
  /** The key hashes of the packages, in the order of the attributes. */
  readonly packages: readonly string[];
  readonly rootLayer: number;
  readonly plan: Readonly<Record<string, string | number>>;
  readonly compressor: Readonly<Record<string, string | number>>;
}

/** The key hash of an image: equal keys have equal bytes. */
export function imageKey({ system, packages, rootLayer, plan, compressor }: ImageIdentity): string {
  return keyHash({ format: FORMAT, system, packages, rootLayer, plan, compressor });
}
