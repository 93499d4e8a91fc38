import assert from 'node:assert/strict';
import type { RegistryProcess } from './service/registry-process.ts';
import { pull } from './http/request.ts';

/** An image as its manifest names it. */
export interface PulledImage {
  readonly digest: string;
  readonly layers: readonly { readonly digest: string; readonly size: number }[];
}

/** Pulls an image's manifest, and waits as clients do while it is made. */
export async function pullImage({ origin }: RegistryProcess, name: string, reference = 'latest'): Promise<PulledImage> {
  const { status, headers, body } = await pull(origin, `/v2/${name}/manifests/${reference}`);
  assert.equal(status, 200, body.toString());
  const { layers } = JSON.parse(body.toString()) as Pick<PulledImage, 'layers'>;
  return { digest: headers['docker-content-digest'] ?? '', layers };
}

/** What the log says of each image that was made, as far as it has come. */
export function imagesMade({ log }: RegistryProcess): readonly Record<string, unknown>[] {
  return log.filter((entry) => entry['message'] === 'image made');
}
