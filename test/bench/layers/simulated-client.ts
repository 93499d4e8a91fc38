import type { SimulatedImage, SimulatedLayer } from './simulated-image.ts';

/** Which layers a client downloads of an image, and keeps. */
export interface SimulatedClient {
  pull(image: SimulatedImage): readonly SimulatedLayer[];
}

/** Reuses any blob that it has: containerd, podman, Docker's containerd store. */
export function anyBlobClient(): SimulatedClient {
  const kept = new Set<string>();
  return {
    pull({ layers }) {
      const missing = layers.filter(({ id }) => !kept.has(id));
      for (const { id } of missing) kept.add(id);
      return missing;
    },
  };
}

/**
 * Reuses a layer only on top of the same layers (Docker's classic store keeps layers by their chain ID, image-spec
 * config.md#layer-chainid).
 */
export function prefixClient(): SimulatedClient {
  const kept = new Set<string>();
  return {
    pull({ layers }) {
      let chain = '';
      return layers.filter(({ id }) => {
        chain = `${chain} ${id}`;
        if (kept.has(chain)) return false;
        kept.add(chain);
        return true;
      });
    },
  };
}
