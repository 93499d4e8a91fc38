import type { ImageOrigin, ImageUnavailable, WatchedOutcome } from '../builder/outcome.ts';
import type { Image } from '../builder/image.ts';
import type { ReadOptions } from '../storage/blob-store.ts';
import type { Digest } from '../oci/digest.ts';
import type { Readable } from 'node:stream';

/** A name, tag or digest that is none. */
export interface Invalid {
  readonly kind: 'name-invalid' | 'reference-invalid' | 'digest-invalid';
  readonly message: string;
}

/** What came of asking for a manifest. */
export type ManifestOutcome =
  | {
      readonly kind: 'manifest';
      readonly image: Image;
      readonly from: ImageOrigin;
      /** Why the tag may mean another image by now; absent otherwise. */
      readonly stale?: string;
      /** Why it is not for each platform that its name stands for; absent otherwise. */
      readonly without?: string;
      /** Whether who asks in another way (Accept) gets something else for this. */
      readonly varies?: boolean;
    }
  /** It is being made, and the caller's patience is over: ask again. */
  | WatchedOutcome<{ readonly kind: 'in-progress' }>
  | { readonly kind: 'manifest-unknown'; readonly message: string }
  | WatchedOutcome<ImageUnavailable>
  | Invalid;

/** What came of asking for a blob. */
export type BlobOutcome =
  | {
      readonly kind: 'blob';
      readonly digest: Digest;
      readonly sizeBytes: number;
      /** Opens the content, or a part of it; undefined when it has gone since. */
      readonly open: (how: Pick<ReadOptions, 'range' | 'pieces'>) => Promise<Readable | undefined>;
    }
  | {
      /** The store has an address of its own for it. */
      readonly kind: 'redirect';
      readonly digest: Digest;
      readonly sizeBytes: number;
      /** An absolute URL, made for this request. */
      readonly location: () => string | Promise<string>;
    }
  | { readonly kind: 'blob-unknown'; readonly message: string }
  | Invalid;

/** What came of asking for tags. */
export type TagsOutcome =
  | {
      readonly kind: 'tags';
      readonly repository: string;
      readonly tags: readonly string[];
      /** Absent at the end of the list, otherwise where the next page begins. */
      readonly next?: { readonly n: number; readonly last: string };
    }
  | { readonly kind: 'repository-unknown'; readonly message: string }
  | Extract<ImageUnavailable, { kind: 'denied' | 'busy' | 'reference-unknown' }>
  | Invalid;

/** What came of asking for referrers. */
export type ReferrersOutcome = { readonly kind: 'referrers'; readonly index: Buffer } | Invalid;
