import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import type { Random } from '../fuzz/random.ts';
import { pullWhole, request, requestHeld } from '../support/http/request.ts';

/** What a client of the soak does. */
export const KINDS = ['known', 'new', 'cut', 'unknown'] as const;
export type Kind = (typeof KINDS)[number];

/** Does one of each kind; says what came that may not. */
export type Traffic = Readonly<Record<Kind, () => Promise<string | undefined>>>;

/** Of 64 KiB and more, which a connection does not swallow at once. */
const CUT_AFTER_BYTES = 20_000;

/**
 * @param names packages of which images can be made
 * @param known the image that is pulled again and again; it is there
 */
export function trafficTo(origin: string, names: readonly string[], known: string, random: Random): Traffic {
  const largest = largestLayer(origin, known);
  const whole = async (name: string) => {
    await pullWhole(origin, name);
    return undefined;
  };
  return {
    known: () => whole(known),
    new: () => whole([...new Set([random.pick(names), random.pick(names), random.pick(names)])].join('/')),
    async cut() {
      const asked = get(`${origin}${await largest}`);
      const [response] = (await once(asked, 'response')) as [IncomingMessage];
      let bytes = 0;
      for await (const chunk of response as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        if (bytes > CUT_AFTER_BYTES) break;
      }
      response.destroy();
      return response.statusCode === 200 ? undefined : `a blob: ${String(response.statusCode)}`;
    },
    async unknown() {
      const of = random.below(3);
      const number = random.below(1_000_000);
      const path = [
        `/v2/no-such-package-${number}/manifests/latest`,
        `/v2/${known}/manifests/no-such-tag-${number}`,
        `/v2/${known}/blobs/sha256:${String(number).padStart(64, '0')}`,
      ][of];
      const { status } = await requestHeld(origin, 'GET', path ?? '');
      return status === 404 ? undefined : `${path ?? ''}: ${status}`;
    },
  };
}

async function largestLayer(origin: string, name: string): Promise<string> {
  const { body } = await request(origin, 'GET', `/v2/${name}/manifests/latest`);
  const { layers } = JSON.parse(body.toString()) as { layers: { digest: string; size: number }[] };
  const [largest] = layers.toSorted((a, b) => b.size - a.size);
  if (largest === undefined) throw new Error(`${name} has no layers`);
  return `/v2/${name}/blobs/${largest.digest}`;
}
