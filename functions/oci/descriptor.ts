import type { Digest } from './digest.ts';

/** A reference to a blob: what it is, its address and its length (image-spec, descriptor.md). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Length in bytes. */
  readonly size: number;
}
