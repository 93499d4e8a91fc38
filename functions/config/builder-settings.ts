import { z } from 'zod';
import { oneOf, wholeNumber } from './variable.ts';

/** How images are made. */
export interface BuilderSettings {
  readonly compression: 'igzip' | 'zlib';
  /** Most layers of an image. */
  readonly maxLayers: number;
  /** Where it says how popular packages are, which decides what shares a layer. */
  readonly popularityUrl: string | undefined;
  /** How long a reference's revision is believed, in milliseconds. */
  readonly pinForMs: number;
  /** Images that are made at once; as many as there are cores when undefined. */
  readonly maxBuilds: number | undefined;
  /** Images that wait to be made. */
  readonly maxQueue: number;
  /** How long a pull waits for its image before it is sent on, in milliseconds. */
  readonly holdMs: number;
  /** Images that one user, or one address where there are no users, may have made in an hour. */
  readonly maxBuildsPerHour: number;
}

export const builderVariables = z.object({
  NIXERY_COMPRESSION: oneOf(['igzip', 'zlib']).default('igzip'),
  // Docker's overlay driver takes 128 layers, of which it keeps some.
  NIXERY_LAYERS: wholeNumber(4, 100).default(100),
  NIX_POPULARITY_URL: z
    .url({ protocol: /^(?:https?|file)$/, error: 'must be a URL of http, https or file' })
    .optional(),
  NIXERY_PIN_SECONDS: wholeNumber(0, 86_400).default(300),
  NIXERY_MAX_BUILDS: wholeNumber(1, 256).optional(),
  NIXERY_MAX_QUEUE: wholeNumber(0, 100_000).default(64),
  // Clients wait 30 s for headers (containerd 2.3, Docker 29.7), of which a cold start takes some.
  NIXERY_HOLD_SECONDS: wholeNumber(1, 25).default(20),
  NIXERY_BUILDS_PER_HOUR: wholeNumber(1, 1_000_000).default(1000),
});

export function builderSettings(data: z.infer<typeof builderVariables>): BuilderSettings {
  return {
    compression: data.NIXERY_COMPRESSION,
    maxLayers: data.NIXERY_LAYERS,
    popularityUrl: data.NIX_POPULARITY_URL,
    pinForMs: data.NIXERY_PIN_SECONDS * 1000,
    maxBuilds: data.NIXERY_MAX_BUILDS,
    maxQueue: data.NIXERY_MAX_QUEUE,
    holdMs: data.NIXERY_HOLD_SECONDS * 1000,
    maxBuildsPerHour: data.NIXERY_BUILDS_PER_HOUR,
  };
}
