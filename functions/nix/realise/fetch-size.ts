const UNITS: Readonly<Record<string, number>> = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };

/**
 * What paths from binary caches will take in the store, in bytes, as `nix-store --realise --dry-run` announces it: "these
 * 2 paths will be fetched (1.50 MiB download, 6.25 MiB unpacked)". Zero when it announces none. What is built comes on top,
 * and nobody knows how much that is.
 */
export function unpackedBytes(printed: string): number {
  const [, amount, unit = ''] = /will be fetched \(.* download, ([\d.]+) (\w+) unpacked\)/.exec(printed) ?? [];
  return amount === undefined ? 0 : Math.ceil(Number(amount) * (UNITS[unit] ?? Number.NaN));
}
