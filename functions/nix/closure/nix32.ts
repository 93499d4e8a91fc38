/** Nix's alphabet, without e, o, t and u. */
const ALPHABET = '0123456789abcdfghijklmnpqrsvwxyz';

/**
 * The bytes that Nix writes in its base 32: five bits for each character, the last character first.
 *
 * @param bytes how many it must be
 * @returns undefined when it is something else
 * @see the Nix manual, "Store path", "Nix32"
 */
export function bytesOfNix32(text: string, bytes: number): Buffer | undefined {
  if (text.length !== Math.ceil((bytes * 8) / 5)) return undefined;
  const decoded = Buffer.alloc(bytes);
  for (let index = 0; index < text.length; index++) {
    const digit = ALPHABET.indexOf(text.charAt(text.length - 1 - index));
    if (digit === -1) return undefined;
    const at = Math.floor((index * 5) / 8);
    const shifted = digit << ((index * 5) % 8);
    decoded[at] = (decoded[at] ?? 0) | (shifted & 0xff);
    const over = shifted >> 8;
    if (over === 0) continue;
    if (at + 1 === bytes) return undefined;
    decoded[at + 1] = (decoded[at + 1] ?? 0) | over;
  }
  return decoded;
}
