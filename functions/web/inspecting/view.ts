import type { ImageAnatomy, SharedParts } from './anatomy.ts';

/** What is to be seen of an image. */
export type ImageView =
  | {
      readonly kind: 'made';
      readonly anatomy: ImageAnatomy;
      /** Digests of layers that had to be made when the image was; undefined where nobody knows any more. */
      readonly fresh: ReadonlySet<string> | undefined;
      readonly compared?: { readonly name: string; readonly result: SharedParts | undefined } | undefined;
    }
  | {
      readonly kind: 'not-made';
      readonly revision: string;
      readonly build: string;
      readonly isBuilding: boolean;
      /** Why the last build failed; absent where none did. */
      readonly problem?: string | undefined;
    }
  /** Of a name that stands for several. */
  | { readonly kind: 'platforms'; readonly platforms: readonly PlatformView[] }
  | { readonly kind: 'refused'; readonly message: string };

/** The image of one platform, of a name that stands for several. */
export interface PlatformView {
  /** As `linux/arm64`. */
  readonly platform: string;
  /** The name that means it alone. */
  readonly name: string;
  readonly view: Exclude<ImageView, { kind: 'platforms' }>;
}
