import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import { platformText } from '../../oci/platform.ts';
import type { ImageRequest } from '../image-request.ts';
import { failureMessage, type ImageOutcome } from '../outcome.ts';

/** Why a platform has no image of a name, which is no reason for the others to have none. */
export type Lack = Extract<ImageOutcome, { kind: 'packages-unavailable' | 'build-failed' | 'out-of-time' }>;

/** What can be said of the images of a name, each in its platform. */
export interface Made {
  readonly request: ImageRequest;
  readonly outcome: ImageOutcome;
}

/** Which platforms are known to have no image of a name. */
export interface KnownLacks {
  get(request: ImageRequest, revision: string): Lack | undefined;
  keep(request: ImageRequest, revision: string, lack: Lack): void;
  /** Why there is no index of all platforms, for people; logged once for each reason. */
  say(missing: readonly Made[], revision: string): string;
}

/** Platforms of names that are remembered to have no image, and for how long: that of failures. */
const LACKING = { max: 10_000, ttl: 60_000 };
/** Names of which it was logged that a platform lacks them. */
const MAX_SAID = 10_000;

export function isLack(outcome: ImageOutcome): outcome is Lack {
  return outcome.kind === 'packages-unavailable' || outcome.kind === 'build-failed' || outcome.kind === 'out-of-time';
}

export function knownLacks(log: Pick<Logger, 'warn'>): KnownLacks {
  const lacking = new LRUCache<string, Lack>(LACKING);
  const said = new LRUCache<string, true>({ max: MAX_SAID });
  const keyOf = ({ system, attributes }: ImageRequest, revision: string): string =>
    [revision, system, ...attributes].join(' ');

  return {
    get: (request, revision) => lacking.get(keyOf(request, revision)),
    keep: (request, revision, lack) => void lacking.set(keyOf(request, revision), lack),
    say(missing, revision) {
      const packages = missing[0]?.request.attributes;
      const why = missing
        .map(({ request, outcome }) => `not for ${platformText(request.system)}: ${failureMessage(outcome) ?? ''}`)
        .join('; ');
      const about = `${revision} ${packages?.join('/') ?? ''} ${why}`;
      if (!said.has(about)) {
        said.set(about, true);
        log.warn(
          { packages, revision, without: why },
          'a name has no image for each platform: who asks gets the others',
        );
      }
      return why;
    },
  };
}
