import { createHash } from 'node:crypto';

declare const digestBrand: unique symbol;

/**
 * `sha256:` and 64 lower-case hexadecimal digits: the address of a blob (image-spec, descriptor.md#digests).
 * Made only by {@link parseDigest}, {@link digestOfBytes}, {@link openDigest} and {@link digestFromHex}.
 */
export type Digest = `sha256:${string}` & { readonly [digestBrand]: true };

const DIGEST = /^sha256:[a-f0-9]{64}$/;
const HEX = /^[a-f0-9]{64}$/;

/** The digest that `text` spells, or undefined when it spells none. */
export function parseDigest(text: string): Digest | undefined {
  return DIGEST.test(text) ? (text as Digest) : undefined;
}

/** The SHA-256 of `bytes`. */
export function digestOfBytes(bytes: Uint8Array | string): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}` as Digest;
}

/** The SHA-256 of bytes that come one after the other. */
export interface OpenDigest {
  update(bytes: Uint8Array): void;
  /** Of all of them. To be called once. */
  digest(): Digest;
}

export function openDigest(): OpenDigest {
  const hash = createHash('sha256');
  return {
    update(bytes) {
      hash.update(bytes);
    },
    digest: () => digestFromHex(hash.digest('hex')),
  };
}

/**
 * The digest with these 64 hexadecimal digits.
 *
 * @throws RangeError when `hex` is anything else: it is made by our own hashing, so that is a defect.
 */
export function digestFromHex(hex: string): Digest {
  if (!HEX.test(hex)) throw new RangeError(`not a SHA-256 in hexadecimal: ${hex.slice(0, 80)}`);
  return `sha256:${hex}` as Digest;
}

/** The 64 hexadecimal digits of a digest. */
export function hexOf(digest: Digest): string {
  return digest.slice('sha256:'.length);
}
