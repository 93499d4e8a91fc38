import type { CohortSizes } from './cohorts.ts';

/**
 * A layer costs a client its time, and saves bytes only where it is shared: most images stay at half of the budget. What
 * other sizes and budgets give: docs/layers.md.
 */
export const SIZE_FLOORS: CohortSizes = { ownBytes: 3_000_000, cohortBytes: 1_000_000 };

/** By how much sizes grow while there are more groups than the budget allows. */
export const GROWTH = 1.3;
