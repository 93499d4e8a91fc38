import { z } from 'zod/mini';
import { DEFAULT_SYSTEM, type System } from '../oci/platform.ts';
import { commaList, oneOf, wholeNumber } from './variable.ts';

/** The platforms that `NIXERY_PLATFORMS` may list. */
const PLATFORMS: Readonly<Record<string, System>> = { 'linux/amd64': 'x86_64-linux', 'linux/arm64': 'aarch64-linux' };

/** How images are made. */
export interface BuilderSettings {
  /** The platforms of a name that chooses none, each once: of several, their index. */
  readonly systems: readonly [System, ...System[]];
  readonly compression: 'igzip' | 'zlib' | 'zstd';
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
  /** References that are not there, and that one user, or one address where there are no users, may ask for in a minute. */
  readonly maxUnknownPerMinute: number;
}

export const builderVariables = z.object({
  NIXERY_PLATFORMS: commaList(/^linux\/(?:amd64|arm64)$/, 'must list platforms: linux/amd64, linux/arm64 or both'),
  NIXERY_COMPRESSION: z._default(oneOf(['igzip', 'zlib', 'zstd']), 'igzip'),
  // Docker's overlay driver takes 128 layers, of which it keeps some.
  NIXERY_LAYERS: z._default(wholeNumber(4, 100), 100),
  NIX_POPULARITY_URL: z.optional(
    z.url({ protocol: /^(?:https?|file)$/, error: 'must be a URL of http, https or file' }),
  ),
  NIXERY_PIN_SECONDS: z._default(wholeNumber(0, 86_400), 300),
  NIXERY_MAX_BUILDS: z.optional(wholeNumber(1, 256)),
  NIXERY_MAX_QUEUE: z._default(wholeNumber(0, 100_000), 64),
  // Clients wait 30 s for headers (containerd 2.3, Docker 29.7), of which a cold start takes some.
  NIXERY_HOLD_SECONDS: z._default(wholeNumber(1, 25), 20),
  NIXERY_BUILDS_PER_HOUR: z._default(wholeNumber(1, 1_000_000), 1000),
  NIXERY_MAX_UNKNOWN_REFERENCES: z._default(wholeNumber(1, 100_000), 60),
});

export function builderSettings(data: z.infer<typeof builderVariables>): BuilderSettings {
  const listed = (data.NIXERY_PLATFORMS ?? []).map((platform) => PLATFORMS[platform] ?? DEFAULT_SYSTEM);
  const [first = DEFAULT_SYSTEM, ...others] = new Set(listed);
  return {
    systems: [first, ...others],
    compression: data.NIXERY_COMPRESSION,
    maxLayers: data.NIXERY_LAYERS,
    popularityUrl: data.NIX_POPULARITY_URL,
    pinForMs: data.NIXERY_PIN_SECONDS * 1000,
    maxBuilds: data.NIXERY_MAX_BUILDS,
    maxQueue: data.NIXERY_MAX_QUEUE,
    holdMs: data.NIXERY_HOLD_SECONDS * 1000,
    maxBuildsPerHour: data.NIXERY_BUILDS_PER_HOUR,
    maxUnknownPerMinute: data.NIXERY_MAX_UNKNOWN_REFERENCES,
  };
}
