import { z } from 'zod';
import { type Digest, digestOfBytes } from '../functions/oci/digest.ts';

/** A registry did not say what a tag is, or what it said does not prove itself. */
export class TagDigestError extends Error {
  readonly code = 'TAG_DIGEST';
  override readonly name = 'TagDigestError';
}

/** What a tag may be: an image for many platforms, or for one (image-spec, media-types.md, and Docker's own). */
const MEDIA_TYPES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];
/** Registries need not take larger ones (distribution-spec, "Pushing Manifests"). A token is far below it. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
const TIMEOUT_MS = 30_000;

const tokenSchema = z
  .object({ token: z.string().min(1).optional(), access_token: z.string().min(1).optional() })
  .transform(({ token, access_token }) => token ?? access_token)
  .pipe(z.string());

/**
 * Where the manifest of a tag is. As docker has it: a first part with a dot or a colon is a host, and what has none is Docker
 * Hub's, whose own images are below `library/`; a host on this machine is asked without TLS.
 */
export function manifestUrl(name: string, tag: string): URL {
  const [first = '', ...rest] = name.split('/');
  const hasHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  const host = hasHost ? first : 'registry-1.docker.io';
  const repository = hasHost ? rest.join('/') : rest.length === 0 ? `library/${name}` : name;
  const scheme = isLoopback(host.replace(/:\d+$/, '')) ? 'http' : 'https';
  return new URL(`${scheme}://${host}/v2/${repository}/manifests/${tag}`);
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '127.0.0.1';
}

/**
 * The digest of what a tag is now: of an index where there is one. It was computed from the manifest's bytes, and the
 * registry says the same. Who is not let in at once asks for a token as nobody in particular
 * (distribution's token authentication, as Docker Hub wants it).
 *
 * @throws TagDigestError
 */
export async function digestOfTag(
  name: string,
  tag: string,
  { signal }: { signal?: AbortSignal } = {},
): Promise<Digest> {
  const url = manifestUrl(name, tag);
  const limit = AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), ...(signal === undefined ? [] : [signal])]);
  const fail = (what: string, cause?: unknown) => new TagDigestError(`${name}:${tag}: ${what}`, { cause });

  async function ask(target: URL, headers: Record<string, string>): Promise<{ response: Response; body: Buffer }> {
    try {
      const response = await fetch(target, { headers, signal: limit });
      return { response, body: await wholeBody(response) };
    } catch (cause) {
      throw fail(`${target.host} gave no answer that can be used`, cause);
    }
  }

  const accept = { Accept: MEDIA_TYPES.join(', ') };
  let { response, body } = await ask(url, accept);
  if (response.status === 401) {
    const realm = tokenUrl(response.headers.get('WWW-Authenticate') ?? '');
    if (realm === undefined) throw fail(`${url.host} wants credentials, and names no place that gives tokens`);
    if (realm.protocol !== 'https:' && !isLoopback(url.hostname)) throw fail(`${realm.host} gives tokens without TLS`);
    const answer = await ask(realm, {});
    const token = answer.response.ok ? parseToken(answer.body) : undefined;
    if (token === undefined) throw fail(`${realm.host} gives no token: it answered ${answer.response.status}`);
    ({ response, body } = await ask(url, { ...accept, Authorization: `Bearer ${token}` }));
  }
  if (!response.ok) throw fail(`${url.host} answered ${response.status}`);

  const type = (response.headers.get('Content-Type') ?? '').replace(/;.*$/, '').trim();
  if (!MEDIA_TYPES.includes(type)) throw fail(`${url.host} sent no manifest, but ${type === '' ? 'something' : type}`);
  const digest = digestOfBytes(body);
  // distribution-spec, "Pulling manifests": a registry need not send the header.
  const said = response.headers.get('Docker-Content-Digest') ?? digest;
  if (said !== digest) throw fail(`${url.host} says ${said}, and what it sent is ${digest}`);
  return digest;
}

/** Where a challenge sends for tokens; undefined when it asks for another kind of credentials. */
function tokenUrl(challenge: string): URL | undefined {
  if (!/^Bearer\s/i.test(challenge)) return undefined;
  const parameters = new Map(
    [...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = '', value = '']) => [key, value]),
  );
  const realm = parameters.get('realm') ?? '';
  if (!URL.canParse(realm)) return undefined;
  const url = new URL(realm);
  for (const key of ['service', 'scope']) {
    const value = parameters.get(key);
    if (value !== undefined) url.searchParams.set(key, value);
  }
  return url;
}

function parseToken(body: Buffer): string | undefined {
  try {
    return tokenSchema.parse(JSON.parse(body.toString()));
  } catch {
    return undefined; // The caller says what came instead.
  }
}

async function wholeBody(response: Response): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    if (bytes > MAX_ANSWER_BYTES) throw new RangeError(`the answer has more than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
