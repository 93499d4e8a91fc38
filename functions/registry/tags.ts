import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import type { RepositoryName, Tag } from '../oci/reference.ts';
import type { BlobStore, IoOptions } from '../storage/blob-store.ts';
import { objectKey } from '../storage/object-key.ts';
import { findRecord, keyHash } from '../storage/record.ts';
import { recordBytes } from '../storage/record-proof.ts';

/** `tags/<hash of the name>`. */
export const tagsSchema = z.object({ version: z.literal(1), repository: z.string(), tags: z.array(z.string()) });
type Tags = z.infer<typeof tagsSchema>;

/** The tags that were pulled for each name, and the revisions that they led to. */
export interface PulledTags {
  /** Remembers a tag. Costs nothing when this process knows it already. */
  add(repository: RepositoryName, tag: Tag, options?: IoOptions): Promise<void>;
  /** Whether this process knows that it is remembered. */
  isAdded(repository: RepositoryName, tag: Tag): boolean;
  /** In byte order; empty for a name that was never pulled. */
  list(repository: RepositoryName, options?: IoOptions): Promise<readonly string[]>;
}

/** Pairs of name and tag that a process remembers to have recorded. */
const MAX_REMEMBERED = 10_000;
/** Writers of one record at once may each be overtaken; more often than this is a defect. */
const MAX_ATTEMPTS = 100;

export function pulledTags(store: BlobStore): PulledTags {
  const recorded = new LRUCache<string, true>({ max: MAX_REMEMBERED });
  // A name holds slashes and may be longer than an object's name.
  const keyOf = (repository: RepositoryName) => objectKey('tags', keyHash({ repository }));

  return {
    isAdded: (repository, tag) => recorded.has(`${repository}:${tag}`),

    async add(repository, tag, options = {}) {
      const pair = `${repository}:${tag}`;
      if (recorded.has(pair)) return;
      const key = keyOf(repository);
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
        options.signal?.throwIfAborted();
        const found = await findRecord(store, key, tagsSchema, options);
        const tags = found.kind === 'found' ? found.value.tags : [];
        // All characters of a tag are ASCII, so the order of strings is the order of bytes.
        const next: Tags = { version: 1, repository, tags: [...new Set([...tags, tag])].sort() };
        const bytes = recordBytes(key, next);
        const done =
          tags.includes(tag) ||
          (found.kind === 'absent'
            ? await store.createRecord(key, bytes, options)
            : await store.replaceRecord(key, bytes, found.generation, options));
        if (!done) continue;
        recorded.set(pair, true);
        return;
      }
      throw new Error(`${store.name}: ${key} changes faster than a tag can be added`);
    },

    async list(repository, options = {}) {
      const found = await findRecord(store, keyOf(repository), tagsSchema, options);
      return found.kind === 'found' ? found.value.tags : [];
    },
  };
}
