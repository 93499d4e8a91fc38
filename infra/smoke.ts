import { createHash } from 'node:crypto';
import { z } from 'zod';
import { type Digest, digestOfBytes } from '../functions/oci/digest.ts';

/** An endpoint does not do what a client needs. The message says what was asked and what came. */
export class SmokeError extends Error {
  readonly code = 'SMOKE';
  override readonly name = 'SmokeError';
}

export interface SmokePull {
  /** The endpoint, as `https://HOST`. */
  readonly endpoint: string;
  /** As `hello` or `shell/git`. */
  readonly image: string;
  /** `USER:TOKEN`; undefined for an endpoint without credentials. */
  readonly login: string | undefined;
  readonly signal: AbortSignal;
}

export interface Smoke {
  readonly digest: Digest;
  readonly blobs: number;
  readonly bytes: number;
}

const descriptor = z.object({ digest: z.string().regex(/^sha256:[0-9a-f]{64}$/), size: z.int().nonnegative() });
const manifestSchema = z.object({ config: descriptor, layers: z.array(descriptor).min(1) });
const indexSchema = z.object({ manifests: z.array(descriptor).min(1) });
const LATEST = 'latest';

/**
 * Pulls an image as a client would, without keeping it: every blob was followed to where it rests, and has the digest and
 * the length that the manifest says. Where there are credentials, it was refused without them first.
 *
 * @throws SmokeError
 */
export async function smokePull({ endpoint, image, login, signal }: SmokePull): Promise<Smoke> {
  const headers = login === undefined ? {} : { Authorization: `Basic ${Buffer.from(login).toString('base64')}` };

  /** Follows redirects, on which fetch drops credentials when the host changes. */
  async function get(path: string): Promise<Response> {
    const response = await fetch(`${endpoint}${path}`, { headers, signal });
    if (response.ok) return response;
    throw new SmokeError(`GET ${path} of ${endpoint} is ${response.status}: ${(await response.text()).slice(0, 500)}`);
  }

  if (login !== undefined) {
    const { status } = await fetch(`${endpoint}/v2/`, { signal });
    if (status !== 401) throw new SmokeError(`GET /v2/ of ${endpoint} without credentials is ${status}, not 401`);
  }
  await get('/v2/');

  async function manifestAt(reference: string): Promise<{ readonly bytes: Buffer; readonly digest: Digest }> {
    const response = await get(`/v2/${image}/manifests/${reference}`);
    const bytes = Buffer.from(await response.arrayBuffer());
    const digest = digestOfBytes(bytes);
    const isAsked = reference === LATEST || reference === digest;
    if (response.headers.get('Docker-Content-Digest') !== digest || !isAsked) {
      throw new SmokeError(`the manifest of ${image} has not the digest that ${endpoint} names`);
    }
    return { bytes, digest };
  }

  const { bytes: tagged, digest } = await manifestAt(LATEST);
  const index = readIndex(tagged);
  // Of a name for several platforms, the images of all.
  const manifests = [];
  for (const entry of index?.manifests ?? []) manifests.push((await manifestAt(entry.digest)).bytes);
  const images = (index === undefined ? [tagged] : manifests).map(readManifest);
  const blobs = images.flatMap(({ config, layers }) => [config, ...layers]);
  let bytes = [tagged, ...manifests].reduce((sum, { byteLength }) => sum + byteLength, 0);
  for (const blob of blobs) {
    const { body } = await get(`/v2/${image}/blobs/${blob.digest}`);
    const hash = createHash('sha256');
    let length = 0;
    for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
      hash.update(chunk);
      length += chunk.byteLength;
    }
    if (`sha256:${hash.digest('hex')}` !== blob.digest || length !== blob.size) {
      throw new SmokeError(
        `the blob ${blob.digest} of ${image} from ${endpoint} has another digest, and ${length} bytes`,
      );
    }
    bytes += length;
  }
  return { digest, blobs: blobs.length, bytes };
}

/** Undefined for what is no index. */
function readIndex(bytes: Buffer): z.infer<typeof indexSchema> | undefined {
  try {
    return indexSchema.safeParse(JSON.parse(bytes.toString())).data;
  } catch {
    return undefined; // It is no JSON, which who reads it as a manifest says.
  }
}

function readManifest(bytes: Buffer): z.infer<typeof manifestSchema> {
  try {
    return manifestSchema.parse(JSON.parse(bytes.toString()));
  } catch (cause) {
    throw new SmokeError(`this is no manifest: ${bytes.toString().slice(0, 500)}`, { cause });
  }
}
