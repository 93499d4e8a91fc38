import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import { z } from 'zod';
import { sharedWork } from '../layer/shared-work.ts';
import { COMMIT, type PackageSource, SourceError } from '../nix/source.ts';
import type { BlobStore, IoOptions } from '../storage/blob-store.ts';
import { objectKey } from '../storage/object-key.ts';
import { findRecord, keyHash, overwriteRecord } from '../storage/record.ts';

/** What a reference means at the moment. */
export type Pinned =
  | {
      readonly kind: 'pinned';
      readonly revision: string;
      /** Why this may be out of date: the source does not answer. */
      readonly stale?: string;
    }
  | { readonly kind: 'unknown'; readonly message: string };

/** Turns references into revisions, and remembers them in the store, so that all instances agree. */
export interface Pins {
  /**
   * @throws SourceError when the source does not answer and the reference was never pinned
   */
  pin(reference: string, options?: IoOptions): Promise<Pinned>;
  /** As `pin`, where that takes no time: undefined when the source or the store has to be asked. */
  peek(reference: string): Pinned | undefined;
}

/** `pins/<key>`. */
export const pinSchema = z.object({
  version: z.literal(1),
  /** For people who look into the store. */
  source: z.string(),
  reference: z.string(),
  revision: z.string(),
  /** When the source said so, in milliseconds since 1970, by the clock of the instance that asked. */
  atMs: z.number(),
});
type PinRecord = z.infer<typeof pinSchema>;

/** References that a process remembers. */
const MAX_REMEMBERED = 10_000;
/** A reference that does not exist may exist soon; until then the source is not asked each time. */
const UNKNOWN_FOR_MS = 10_000;
/** A source that does not answer is left alone for a moment. */
const STALE_FOR_MS = 10_000;

export function pins(world: {
  readonly store: BlobStore;
  readonly source: PackageSource;
  readonly log: Pick<Logger, 'warn'>;
  /** How long a pin is believed, in milliseconds. */
  readonly pinForMs: number;
  /** The time, for records. */
  readonly nowMs?: () => number;
  /** A clock that never goes back, for what this process remembers. */
  readonly elapsedMs?: () => number;
}): Pins {
  const { store, source, log, pinForMs, nowMs = Date.now, elapsedMs = () => performance.now() } = world;
  const remembered = new LRUCache<string, { pinned: Pinned; untilMs: number }>({ max: MAX_REMEMBERED });
  const lookUps = sharedWork<Pinned>();

  const keyOf = (reference: string) => objectKey('pins', keyHash({ format: 1, source: source.identity, reference }));

  function remember(reference: string, pinned: Pinned, forMs: number): Pinned {
    remembered.set(reference, { pinned, untilMs: elapsedMs() + forMs });
    return pinned;
  }

  async function lookUp(reference: string, signal: AbortSignal): Promise<Pinned> {
    const key = keyOf(reference);
    const found = await findRecord(store, key, pinSchema, { signal });
    const before = found.kind === 'found' ? found.value : undefined;
    const ageMs = before === undefined ? Infinity : nowMs() - before.atMs;
    // A pin from the future comes from a clock that is wrong: ask again.
    if (before !== undefined && ageMs >= 0 && ageMs < pinForMs) {
      return remember(reference, { kind: 'pinned', revision: before.revision }, pinForMs - ageMs);
    }
    try {
      const pin = await source.pin(reference, { signal });
      if (pin.kind === 'unknown') return remember(reference, pin, UNKNOWN_FOR_MS);
      const record: PinRecord = {
        version: 1,
        source: source.description,
        reference,
        revision: pin.revision,
        atMs: nowMs(),
      };
      await overwriteRecord(store, key, record, found, { signal });
      return remember(reference, pin, pinForMs);
    } catch (error) {
      if (!(error instanceof SourceError) || before === undefined) throw error;
      log.warn({ reference, revision: before.revision, reason: error.message }, 'a pin that is out of date is used');
      return remember(reference, { kind: 'pinned', revision: before.revision, stale: error.message }, STALE_FOR_MS);
    }
  }

  function peek(reference: string): Pinned | undefined {
    if (source.isLocal) return source.peek?.(reference);
    const known = remembered.get(reference);
    return known !== undefined && (elapsedMs() < known.untilMs || isForEver(known.pinned, reference))
      ? known.pinned
      : undefined;
  }

  return {
    peek,
    async pin(reference, options = {}) {
      // A local folder is looked at each time, which costs little: who edits it wants to see it.
      if (source.isLocal) return source.pin(reference, options);
      const known = peek(reference);
      if (known !== undefined) return known;
      return lookUps(reference, (signal) => lookUp(reference, signal), options);
    },
  };
}

/** A full commit means itself. */
function isForEver(pinned: Pinned, reference: string): boolean {
  return pinned.kind === 'pinned' && COMMIT.test(reference) && pinned.revision === reference;
}
