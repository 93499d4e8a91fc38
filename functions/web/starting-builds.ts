import type { Answer } from '../answers/answer.ts';
import { errorAnswer } from '../answers/error.ts';
import { manifestAnswer } from '../answers/manifest.ts';
import type { PageRequest } from '../answers/page.ts';
import type { ManifestOutcome } from '../registry/outcome.ts';
import { imageAddress } from './build-page.ts';
import type { PageWorld } from './page-world.ts';

/** Begins builds for people, as a pull would. */
export interface StartingBuilds {
  /** Sends a browser on to the build, or to the image that is made already. */
  answer(name: string, request: PageRequest): Promise<Answer>;
}

/** What is made sooner is shown at once, and no build. */
const HOLD_MS = 300;

export function startingBuilds({ registry, budget }: Pick<PageWorld, 'registry' | 'budget'>): StartingBuilds {
  return {
    async answer(repository, request) {
      if (!isOwnPage(request)) return { ...errorAnswer('DENIED', 'only a page of this registry may begin a build') };
      const { user, address, signal, query, lookUps } = request;
      const reference = query.get('tag') ?? 'latest';
      const outcome = await registry.resolveManifest(repository, reference, {
        signal,
        holdMs: HOLD_MS,
        lookUps,
        budget: budget?.of(user ?? address),
        asker: { repository, reference, ...(user !== undefined && { user }) },
      });
      return sentOn(outcome, { repository, reference });
    },
  };
}

function sentOn(outcome: ManifestOutcome, at: { repository: string; reference: string }): Answer {
  const build = 'build' in outcome ? outcome.build : undefined;
  const location =
    outcome.kind === 'manifest' ? imageAddress(at) : build === undefined ? undefined : `/builds/${build}`;
  // A queue that is full, a name that is none: no build was begun.
  if (location === undefined || outcome.kind === 'busy' || outcome.kind === 'denied') {
    return manifestAnswer(outcome, undefined);
  }
  return { status: 303, headers: { Location: location, 'Cache-Control': 'no-store' }, body: Buffer.alloc(0) };
}

/**
 * A browser sends credentials with whatever another site has it send; where a request comes from it says in a header that
 * no site can set (Fetch Metadata; Origin, for older browsers). Who sends neither is no browser.
 */
function isOwnPage({ headers }: PageRequest): boolean {
  const { 'sec-fetch-site': site, origin, host } = headers;
  if (site !== undefined) return site === 'same-origin' || site === 'none';
  if (origin === undefined) return true;
  return URL.canParse(origin) && new URL(origin).host === host;
}
