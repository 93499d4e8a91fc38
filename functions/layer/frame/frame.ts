import { hexOf, openDigest } from '../../oci/digest.ts';
import type { LayerFormat } from '../compressor.ts';
import type { TarTotals } from '../thread-work.ts';
import { storedMember } from './gzip-member.ts';
import { END_OF_ARCHIVE, tarHeader } from '../tar.ts';
import { storedFrame } from './zstd-frame.ts';

/** A part of a layer: the same bytes as the archive has them and as the blob has them. */
export type LayerPart = Readonly<Record<'tar' | LayerFormat, Buffer>>;

/** Version of what stands around the members of a layer; a part of the keys of all that is made with it. */
export const FRAME_VERSION = 1;

/**
 * What every layer of store paths begins with: the directories above them. Without an entry for `./` some clients give
 * an image's root the mode 0555 (seen with ctr 1.6).
 */
export const HEAD: LayerPart = part(
  Buffer.concat(['./', 'nix/', 'nix/store/'].map((path) => tarHeader({ kind: 'directory', path, mode: 0o755 }))),
);

/** What every layer ends with. */
export const TAIL: LayerPart = part(END_OF_ARCHIVE);

function part(tar: Buffer): LayerPart {
  return { tar, gzip: storedMember(tar), zstd: storedFrame(tar) };
}

/** Digest and length of an uncompressed layer, of which head and tail are always the same. */
export interface LayerHash {
  update(chunk: Buffer): void;
  /** To be called once. */
  totals(): TarTotals;
}

export function layerHash(): LayerHash {
  const hash = openDigest();
  hash.update(HEAD.tar);
  let bytes = HEAD.tar.length + TAIL.tar.length;
  return {
    update(chunk) {
      hash.update(chunk);
      bytes += chunk.length;
    },
    totals() {
      hash.update(TAIL.tar);
      return { sha256: hexOf(hash.digest()), uncompressedBytes: bytes };
    },
  };
}
