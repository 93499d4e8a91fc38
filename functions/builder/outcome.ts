import type { RefusedAttribute, UnknownAttribute } from '../nix/resolve/resolve.ts';
import type { Image } from './image.ts';

/** What came of asking for an image. */
export type ImageOutcome =
  | {
      readonly kind: 'image';
      readonly image: Image;
      readonly from: ImageOrigin;
      /** Why it may be out of date; absent otherwise. */
      readonly stale?: string;
      /** Why it is not for each platform that a name without one stands for; absent otherwise. */
      readonly without?: string;
    }
  /** It is being made, here or at another instance, and the caller waited as long as it wanted to: ask again. */
  | WatchedOutcome<{ readonly kind: 'in-progress' }>
  | WatchedOutcome<ImageUnavailable>;

/** What came of a build that can be looked at. */
export type WatchedOutcome<T> = T & {
  /** See `Builds.find`; absent before it is known what is to be built. */
  readonly build?: string;
};

/** Where an image was found, or how it was made: `composed` of packages that are known, or `built`, after asking Nix. */
export type ImageOrigin = 'memory' | 'store' | 'composed' | 'built';

/** Why there is no image, for a person. None of these is a fault of this program. */
export type ImageUnavailable =
  | { readonly kind: 'reference-unknown'; readonly message: string }
  | PackagesUnavailable
  | PackagesDenied
  | { readonly kind: 'build-failed'; readonly message: string; readonly logTail: readonly string[] }
  | { readonly kind: 'out-of-time'; readonly message: string }
  /** Too much is being built already, or was for who asks. */
  | { readonly kind: 'busy'; readonly message: string; readonly retryAfterSeconds: number };

/** Some of the packages are not to be had. */
export interface PackagesUnavailable {
  readonly kind: 'packages-unavailable';
  readonly unknown: readonly Omit<UnknownAttribute, 'kind'>[];
  readonly refused: readonly Omit<RefusedAttribute, 'kind'>[];
}

/** Some of the packages may not be had from this registry, as its operator decided. */
export interface PackagesDenied {
  readonly kind: 'denied';
  readonly message: string;
}

/** Why there is no image, in a sentence for a person, without a log; undefined where there is one or may be soon. */
export function failureMessage(outcome: ImageOutcome): string | undefined {
  if (outcome.kind === 'image' || outcome.kind === 'in-progress') return undefined;
  return outcome.kind === 'packages-unavailable' ? missingPackages(outcome) : outcome.message;
}

/** What is wrong with each of the packages. */
export function missingPackages({ unknown, refused }: PackagesUnavailable): string {
  const sentences = [
    ...unknown.map(({ attribute, nearMatches }) => `there is no package ${attribute}${didYouMean(nearMatches)}`),
    ...refused.map(({ message }) => message),
  ];
  return sentences.join('; ');
}

function didYouMean(names: readonly string[]): string {
  return names.length === 0 ? '' : ` (did you mean ${names.join(', ')}?)`;
}
