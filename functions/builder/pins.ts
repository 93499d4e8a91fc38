import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import { sharedWork } from '../concurrency/shared-work.ts';
import { COMMIT, SourceError } from '../nix/source.ts';
import { type IoOptions, StorageError } from '../storage/blob-store.ts';
import { objectKey } from '../storage/object-key.ts';
import { findRecord, keyHash, overwriteRecord } from '../storage/record.ts';
import type { ImageUnavailable } from './outcome.ts';
import { type SourceMemory, STALE_FOR_MS } from './revisions/revisions.ts';
import { tooManyLookUps, tooManyUnknown } from './try-later.ts';

/** What a reference means at the moment. */
export type Pinned =
  | {
      readonly kind: 'pinned';
      readonly revision: string;
      /** Why this may be out of date: the source does not answer, or its answer cannot be recorded. */
      readonly stale?: string;
    }
  | { readonly kind: 'unknown'; readonly message: string };

/** The source was not asked: too much is looked up already, or was in vain for who asks. */
type NotLookedUp = Extract<ImageUnavailable, { kind: 'busy' }>;

/** How many references that nobody pulled before somebody may still have looked up: those that exist are given back. */
export interface LookUpBudget {
  take(): { readonly kind: 'left' } | { readonly kind: 'spent'; readonly retryAfterSeconds: number };
  giveBack(): void;
}

export interface PinOptions extends IoOptions {
  /** Without limit when absent. */
  readonly lookUps?: LookUpBudget | undefined;
}

/** Turns references into revisions, and remembers them in the store, so that all instances agree. */
export interface Pins {
  /**
   * @throws SourceError when the source does not answer and the reference was never pinned
   */
  pin(reference: string, options?: PinOptions): Promise<Pinned | NotLookedUp>;
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
/** References that nobody pulled before, and that are looked up at once. They share what asks the source, so that more would only wait. */
const MAX_LOOK_UPS = 200;

export function pins(world: SourceMemory): Pins {
  const { store, source, log, pinForMs, nowMs = Date.now, elapsedMs = () => performance.now() } = world;
  const remembered = new LRUCache<string, { pinned: Pinned; untilMs: number }>({ max: MAX_REMEMBERED });
  const lookUps = sharedWork<Pinned | NotLookedUp>();
  let running = 0;

  /** Whether a commit may be had depends on the rule that it was found by. */
  function keyOf(reference: string) {
    const rule = source.commits !== undefined && COMMIT.test(reference) ? { commits: source.commits } : {};
    return objectKey('pins', keyHash({ format: 1, source: source.identity, reference, ...rule }));
  }

  function remember(reference: string, pinned: Pinned, forMs: number): Pinned {
    remembered.set(reference, { pinned, untilMs: elapsedMs() + forMs });
    return pinned;
  }

  const recordOf = (reference: string, revision: string): PinRecord => ({
    version: 1,
    source: source.description,
    reference,
    revision,
    atMs: nowMs(),
  });

  /** What a name led to may be asked for by itself from then on, wherever the name leads later. */
  async function keepCommit(revision: string, signal: AbortSignal): Promise<void> {
    const key = keyOf(revision);
    const found = await findRecord(store, key, pinSchema, { signal });
    if (found.kind === 'found') return;
    await overwriteRecord(store, key, recordOf(revision, revision), found, { signal });
  }

  /** Asks the source about a reference that was never pinned. */
  async function askAnew(reference: string, budget: LookUpBudget | undefined, signal: AbortSignal) {
    if (running >= MAX_LOOK_UPS) return tooManyLookUps(running);
    const left = budget?.take();
    if (left?.kind === 'spent') return tooManyUnknown(left.retryAfterSeconds);
    running++;
    try {
      const pin = await source.pin(reference, { signal });
      if (pin.kind === 'pinned') budget?.giveBack();
      return pin;
    } catch (error) {
      if (error instanceof SourceError) budget?.giveBack();
      throw error;
    } finally {
      running--;
    }
  }

  async function lookUp(reference: string, budget: LookUpBudget | undefined, signal: AbortSignal) {
    const key = keyOf(reference);
    const found = await findRecord(store, key, pinSchema, { signal });
    const before = found.kind === 'found' ? found.value : undefined;
    if (before !== undefined && isItself(before.revision, reference)) {
      return remember(reference, { kind: 'pinned', revision: before.revision }, pinForMs);
    }
    const ageMs = before === undefined ? Infinity : nowMs() - before.atMs;
    // A pin from the future comes from a clock that is wrong: ask again.
    if (before !== undefined && ageMs >= 0 && ageMs < pinForMs) {
      return remember(reference, { kind: 'pinned', revision: before.revision }, pinForMs - ageMs);
    }
    try {
      // What was there before costs nobody anything, so that nobody's guesses keep others from it.
      const pin = await (before === undefined ? askAnew(reference, budget, signal) : source.pin(reference, { signal }));
      if (pin.kind === 'busy') return pin;
      if (pin.kind === 'unknown') return remember(reference, pin, UNKNOWN_FOR_MS);
      const { revision } = pin;
      await Promise.all([
        overwriteRecord(store, key, recordOf(reference, revision), found, { signal }),
        reference === revision || before?.revision === revision ? undefined : keepCommit(revision, signal),
      ]);
      return remember(reference, pin, pinForMs);
    } catch (error) {
      const stale = whyStale(error);
      if (stale === undefined || before === undefined) throw error;
      const reason = (error as Error).message;
      log.warn({ reference, revision: before.revision, reason }, 'a pin that is out of date is used');
      return remember(reference, { kind: 'pinned', revision: before.revision, stale }, STALE_FOR_MS);
    }
  }

  function peek(reference: string): Pinned | undefined {
    if (source.isLocal) return source.peek?.(reference);
    const known = remembered.get(reference);
    return known !== undefined &&
      (elapsedMs() < known.untilMs || (known.pinned.kind === 'pinned' && isItself(known.pinned.revision, reference)))
      ? known.pinned
      : undefined;
  }

  return {
    peek,
    async pin(reference, { lookUps: budget, ...options } = {}) {
      // A local folder is looked at each time, which costs little: who edits it wants to see it.
      if (source.isLocal) return source.pin(reference, options);
      for (;;) {
        const known = peek(reference);
        if (known !== undefined) return known;
        const isOwn = !lookUps.isRunning(reference);
        const pinned = await lookUps(reference, (signal) => lookUp(reference, budget, signal), options);
        // Somebody else's budget may have been spent.
        if (isOwn || pinned.kind !== 'busy') return pinned;
      }
    },
  };
}

/** Why what was known before has to do, for who asks; undefined where it must not. */
function whyStale(error: unknown): string | undefined {
  if (error instanceof SourceError) return error.message;
  // A store that is full still has what is known; one that does not answer has none of the image either.
  const isWithout = error instanceof StorageError && error.trouble !== 'unreachable';
  return isWithout ? 'the registry cannot record what the package source says now' : undefined;
}

/** A full commit means itself, for ever. */
function isItself(revision: string, reference: string): boolean {
  return COMMIT.test(reference) && revision === reference;
}
