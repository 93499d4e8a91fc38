import type { ImageUnavailable } from './outcome.ts';

type Busy = Extract<ImageUnavailable, { kind: 'busy' }>;

/** How many builds somebody may still begin. */
export interface BuildBudget {
  take(): { readonly kind: 'left' } | SpentBudget;
  /** Undoes a `take` for what turned out to be no build. */
  giveBack(): void;
}

export interface SpentBudget {
  readonly kind: 'spent';
  readonly retryAfterSeconds: number;
}

/** What a client that finds too long a queue is told to wait. */
const RETRY_AFTER_SECONDS = 10;

/** The queue is too long. */
export function busy(builds: number, maxBuilds: number): Busy {
  const active = Math.min(builds, maxBuilds);
  const message = `${active} images are being made and ${builds - active} wait: try again later`;
  return { kind: 'busy', message, retryAfterSeconds: RETRY_AFTER_SECONDS };
}

/** Somebody's budget of builds is used up for now. */
export function spent(retryAfterSeconds: number): Busy {
  const message = `you have had as many images made as you may for now: try again in ${retryAfterSeconds} s`;
  return { kind: 'busy', message, retryAfterSeconds };
}

/** Too many references are being looked up. */
export function tooManyLookUps(running: number): Busy {
  const message = `${running} references are being looked up in the package source: try again later`;
  return { kind: 'busy', message, retryAfterSeconds: RETRY_AFTER_SECONDS };
}

/** Somebody's budget of references that are not there is used up for now. */
export function tooManyUnknown(retryAfterSeconds: number): Busy {
  const message = `you have asked for as many references that are not there as you may for now: try again in ${retryAfterSeconds} s`;
  return { kind: 'busy', message, retryAfterSeconds };
}
