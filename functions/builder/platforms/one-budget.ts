import type { BuildBudget } from '../try-later.ts';

/** A budget of which the builds of one index take one together: it is given back when all of them were none. */
export function oneBudget(budget: BuildBudget | undefined): BuildBudget | undefined {
  if (budget === undefined) return undefined;
  let taken = 0;
  return {
    take() {
      const left = taken > 0 ? ({ kind: 'left' } as const) : budget.take();
      if (left.kind === 'left') taken++;
      return left;
    },
    giveBack() {
      taken--;
      if (taken === 0) budget.giveBack();
    },
  };
}
