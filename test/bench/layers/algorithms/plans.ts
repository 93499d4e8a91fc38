import { layerPlanner, type Popularity } from '../../../../functions/layer/plan/plan.ts';
import type { ClosurePath, StorePath } from '../../../../functions/nix/store-path.ts';
import { dockerToolsPlan } from './docker-tools.ts';
import { nixeryPlan } from './nixery.ts';
import { sizeFirstPlan } from './size-first.ts';

/** An algorithm that is compared. */
export interface Algorithm {
  readonly name: string;
  readonly about: string;
  /** @param maxLayers of an image, its root's included */
  readonly withBudget: (maxLayers: number) => (closure: readonly ClosurePath[]) => readonly (readonly StorePath[])[];
}

/** The service's own: what is compared with all others. */
export const OWN = 'cohorts';

export const NIXERY = 'nixery';

/** Its own budget. */
export const NIXERY_LAYERS = 94;

export function algorithms(popularity: Popularity): readonly Algorithm[] {
  return [
    {
      name: OWN,
      about:
        "the service's: a path with what it needs, as soon as that is worth a layer (functions/layer/plan/plan.ts)",
      withBudget: (maxLayers) => layerPlanner({ maxLayers }).plan,
    },
    {
      name: 'cohorts, popularity',
      about: 'the same with popularity data',
      withBudget: (maxLayers) => layerPlanner({ maxLayers, popularity }).plan,
    },
    {
      name: 'size first',
      about: 'paths of at least 2.5 MB have a layer each, the largest first, and all others are joined',
      withBudget: (maxLayers) => (closure) => sizeFirstPlan(closure, maxLayers - 1, 2_500_000),
    },
    {
      name: 'size first, 0.5 MB',
      about: 'the same from 0.5 MB on',
      withBudget: (maxLayers) => (closure) => sizeFirstPlan(closure, maxLayers - 1, 500_000),
    },
    {
      name: 'one each',
      about: 'one layer for each path, the largest first, and what is beyond the budget joined',
      withBudget: (maxLayers) => (closure) => sizeFirstPlan(closure, maxLayers - 1, 0),
    },
    {
      name: NIXERY,
      about: "Nixery's: popularity and dominators",
      withBudget: (maxLayers) => (closure) => nixeryPlan(closure, maxLayers - 1, popularity),
    },
    {
      name: 'dockerTools',
      about: "dockerTools': the most popular paths of the image have a layer each, all others are joined",
      withBudget: (maxLayers) => (closure) => dockerToolsPlan(closure, maxLayers - 1),
    },
  ];
}
