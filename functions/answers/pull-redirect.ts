import type { ManifestOutcome } from '../registry/outcome.ts';
import type { Answer } from './answer.ts';
import { VERSION_HEADER } from './json.ts';

/** An outcome whose text a client that asks with HEAD would not show. */
type BuildFailure = Extract<
  ManifestOutcome,
  { kind: 'build-failed' | 'out-of-time' | 'packages-unavailable' | 'denied' }
>;

export function isBuildFailure(outcome: ManifestOutcome): outcome is BuildFailure {
  if (outcome.kind === 'packages-unavailable') return outcome.unknown.length === 0;
  return outcome.kind === 'build-failed' || outcome.kind === 'out-of-time' || outcome.kind === 'denied';
}

/** Sends a pull on to ask again. */
export function hopAnswer(repository: string, reference: string, hop: number): Answer {
  return sentOn(`/v2/${repository}/manifests/${reference}?hop=${hop}`);
}

/** Sends a pull on to an address that says what is wrong: containerd shows the last address of a HEAD, not its body. */
export function buildFailedHopAnswer(
  repository: string,
  reference: string,
  failure: BuildFailure,
  page: string | undefined,
): Answer {
  const reason =
    failure.kind === 'packages-unavailable'
      ? failure.refused.map(({ message }) => message).join('; ')
      : failure.message;
  // Of an address, nothing needs an escape in a query (RFC 3986, section 3.4).
  const see = page === undefined ? '' : `&see=${page}`;
  return sentOn(`/v2/${repository}/manifests/${reference}?build-failed=${slug(reason)}${see}`);
}

function sentOn(location: string): Answer {
  return {
    status: 307,
    headers: { ...VERSION_HEADER, Location: location, 'Cache-Control': 'no-store' },
    body: Buffer.alloc(0),
  };
}

const MAX_SLUG_CHARACTERS = 200;

function slug(text: string): string {
  // Of a store path, the name says something to a person.
  const readable = text.replace(/\/nix\/store\/[0-9a-z]{32}-/g, '');
  const safe = readable.replace(/[^A-Za-z0-9.]+/g, '-').replace(/^-+|-+$/g, '');
  return safe === '' ? 'see-the-log' : safe.slice(0, MAX_SLUG_CHARACTERS);
}
