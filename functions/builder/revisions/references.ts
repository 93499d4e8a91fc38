import { z } from 'zod';
import { sharedWork } from '../../concurrency/shared-work.ts';
import { LATEST, SourceError } from '../../nix/source.ts';
import type { IoOptions } from '../../storage/blob-store.ts';
import { objectKey } from '../../storage/object-key.ts';
import { findRecord, keyHash, overwriteRecord } from '../../storage/record.ts';
import { type SourceMemory, STALE_FOR_MS } from './source-memory.ts';

/** What can be asked for of the package source, remembered in the store for as long as what references mean. */
export interface KnownReferences {
  /** See `PackageSource.hasUnlisted`. */
  readonly hasUnlisted: boolean;
  /**
   * In byte order, each once; `latest` always.
   *
   * @throws SourceError when the source does not answer and never did
   */
  list(options?: IoOptions): Promise<readonly string[]>;
}

/** Version of the record and of its key. */
const FORMAT = 1;

/** `commits/<key>`. */
export const referencesSchema = z.object({
  version: z.literal(FORMAT),
  /** For people who look into the store. */
  source: z.string(),
  references: z.array(z.string()),
  /** When the source said so, in milliseconds since 1970, by the clock of the instance that asked. */
  atMs: z.number(),
});

export function knownReferences(world: SourceMemory): KnownReferences {
  const { store, source, log, pinForMs, nowMs = Date.now, elapsedMs = () => performance.now() } = world;
  const key = objectKey('commits', keyHash({ format: FORMAT, references: source.identity, of: source.description }));
  const asking = sharedWork<readonly string[]>();
  let remembered: { readonly list: readonly string[]; readonly untilMs: number } | undefined;

  function remember(list: readonly string[], forMs: number): readonly string[] {
    remembered = { list, untilMs: elapsedMs() + forMs };
    return list;
  }

  async function ask(signal?: AbortSignal): Promise<string[]> {
    // All characters of a tag are ASCII, so the order of strings is the order of bytes.
    return [...new Set([LATEST, ...(await source.references({ signal }))])].sort();
  }

  async function lookUp(signal: AbortSignal): Promise<readonly string[]> {
    const found = await findRecord(store, key, referencesSchema, { signal });
    const before = found.kind === 'found' ? found.value : undefined;
    const ageMs = before === undefined ? Infinity : nowMs() - before.atMs;
    // One from the future comes from a clock that is wrong.
    if (before !== undefined && ageMs >= 0 && ageMs < pinForMs) return remember(before.references, pinForMs - ageMs);
    try {
      const references = await ask(signal);
      const record: z.infer<typeof referencesSchema> = {
        version: FORMAT,
        source: source.description,
        references,
        atMs: nowMs(),
      };
      await overwriteRecord(store, key, record, found, { signal });
      return remember(references, pinForMs);
    } catch (error) {
      if (!(error instanceof SourceError) || before === undefined) throw error;
      log.warn({ reason: error.message }, 'a list of tags that is out of date is used');
      return remember(before.references, STALE_FOR_MS);
    }
  }

  return {
    hasUnlisted: source.hasUnlisted === true,
    list({ signal } = {}) {
      if (source.isLocal) return ask(signal);
      if (remembered !== undefined && elapsedMs() < remembered.untilMs) return Promise.resolve(remembered.list);
      return asking('', lookUp, { signal });
    },
  };
}
