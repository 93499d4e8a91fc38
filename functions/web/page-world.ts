import type { Budget } from '../access/budget.ts';
import type { Builds } from '../builder/builds/builds.ts';
import type { ImageBuilder } from '../builder/image-builder.ts';
import type { Systems } from '../builder/image-request.ts';
import type { PackageIndexes } from '../builder/package-index.ts';
import type { PackagePolicy } from '../builder/package-policy.ts';
import type { Answer } from '../answers/answer.ts';
import type { Pages } from '../answers/page.ts';
import type { Registry } from '../registry/registry.ts';
import type { BlobStore } from '../storage/blob-store.ts';

/** What the pages and their JSON show. */
export interface PageWorld {
  readonly registry: Registry;
  readonly images: ImageBuilder;
  /** The platforms of a name that chooses none; see `parseImageName`. */
  readonly systems?: Systems | undefined;
  readonly indexes: PackageIndexes;
  readonly builds: Builds;
  readonly store: BlobStore;
  readonly policy?: PackagePolicy | undefined;
  /** Images that somebody may have made. */
  readonly budget?: Budget | undefined;
  readonly nowMs?: () => number;
  /** Files that stand in the place of the first page and of all that is nowhere else. */
  readonly files?: Pages | undefined;
  /** `/metrics`. */
  readonly metrics?: (() => Promise<Answer>) | undefined;
}
