import type { RefusedAttribute, UnknownAttribute } from '../nix/resolve.ts';
import type { Image } from './image.ts';

/** What came of asking for an image. */
export type ImageOutcome = { readonly kind: 'image'; readonly image: Image } | ImageUnavailable;

/** Why there is no image, for a person. None of these is a fault of this program. */
export type ImageUnavailable =
  | { readonly kind: 'reference-unknown'; readonly message: string }
  | PackagesUnavailable
  | { readonly kind: 'build-failed'; readonly message: string; readonly logTail: readonly string[] }
  | { readonly kind: 'out-of-time'; readonly message: string };

/** Some of the packages are not to be had. */
export interface PackagesUnavailable {
  readonly kind: 'packages-unavailable';
  readonly unknown: readonly Omit<UnknownAttribute, 'kind'>[];
  readonly refused: readonly Omit<RefusedAttribute, 'kind'>[];
}
