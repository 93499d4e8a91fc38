import { createHash } from 'node:crypto';
import { HEAD, TAIL } from './frame/frame.ts';
import type { TarTotals } from './threads/messages.ts';

/** Digest and length of an uncompressed layer, of which head and tail are always the same. */
export interface LayerHash {
  update(chunk: Buffer): void;
  /** To be called once. */
  totals(): TarTotals;
}

export function layerHash(): LayerHash {
  const sha256 = createHash('sha256').update(HEAD.tar);
  let bytes = HEAD.tar.length + TAIL.tar.length;
  return {
    update(chunk) {
      sha256.update(chunk);
      bytes += chunk.length;
    },
    totals: () => ({ sha256: sha256.update(TAIL.tar).digest('hex'), uncompressedBytes: bytes }),
  };
}
