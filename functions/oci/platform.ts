/** The `architecture` of an image config, in Go's GOARCH words (image-spec, config.md). */
export type Architecture = 'amd64' | 'arm64';

/** A platform in Nix's words. */
export type System = 'x86_64-linux' | 'aarch64-linux';

/** What a name means that chooses no platform, where nothing else is configured. */
export const DEFAULT_SYSTEM: System = 'x86_64-linux';

/** A platform as clients say it: `linux/arm64`. */
export function platformText(system: System): string {
  return `linux/${architectureOf(system)}`;
}

/** What an image config calls the architecture of a Nix system. */
export function architectureOf(system: System): Architecture {
  switch (system) {
    case 'x86_64-linux':
      return 'amd64';
    case 'aarch64-linux':
      return 'arm64';
    default:
      throw new RangeError(`no such system: ${String(system satisfies never)}`);
  }
}
