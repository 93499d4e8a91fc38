import type { LayerFormat } from '../compressor.ts';
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
