import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';

/** Something that each of many may do only so often. */
export interface Budget {
  /** Takes one, and tells whether there was one to take. */
  take(who: string): BudgetAnswer;
  /** As `take`, without taking. */
  look(who: string): BudgetAnswer;
  /** What is left to somebody. */
  of(who: string): OwnBudget;
}

/** As a {@link Budget}, of one alone. */
export interface OwnBudget {
  take(): BudgetAnswer;
  /** Undoes a `take` for what did not come about. */
  giveBack(): void;
}

export type BudgetAnswer = { readonly kind: 'left' } | { readonly kind: 'spent'; readonly retryAfterSeconds: number };

/** Who is remembered; of more, those who came least lately begin anew. It bounds memory to some megabytes. */
const MAX_REMEMBERED = 50_000;
/** Longer names of those who come are remembered by their hash. */
const MAX_NAME_CHARACTERS = 64;

/**
 * A bucket of tokens for each: full at first, and filled at an even rate. Counted in this process alone. In our own code
 * since the library for it keeps a timer for each and has no bound.
 *
 * @param nowMs a clock that never goes back
 */
export function budget(
  { size, perMs }: { readonly size: number; readonly perMs: number },
  nowMs: () => number = () => performance.now(),
): Budget {
  const used = new LRUCache<string, { spent: number; atMs: number }>({ max: MAX_REMEMBERED });

  function answer(name: string, taken: 0 | 1): BudgetAnswer {
    const who = keyOf(name);
    const now = nowMs();
    const before = used.get(who);
    const spent = before === undefined ? 0 : Math.max(0, before.spent - ((now - before.atMs) * size) / perMs);
    if (spent > size - 1) {
      return { kind: 'spent', retryAfterSeconds: Math.max(1, Math.ceil(((spent - (size - 1)) * perMs) / size / 1000)) };
    }
    if (taken > 0) used.set(who, { spent: spent + taken, atMs: now });
    return { kind: 'left' };
  }

  function giveBack(who: string): void {
    const before = used.get(keyOf(who));
    if (before !== undefined) used.set(keyOf(who), { ...before, spent: Math.max(0, before.spent - 1) });
  }

  return {
    take: (who) => answer(who, 1),
    look: (who) => answer(who, 0),
    of: (who) => ({
      take: () => answer(who, 1),
      giveBack: () => {
        giveBack(who);
      },
    }),
  };
}

/** What is remembered of a name that a client chose: short, and a text of its own, as a part of a header keeps all of it. */
function keyOf(name: string): string {
  if (name.length > MAX_NAME_CHARACTERS) return createHash('sha256').update(name).digest('base64');
  return Buffer.from(name).toString();
}
