import { channelWarning, isMaintained } from '../config/channel-end.ts';
import type { Config } from '../config/config.ts';
import type { Log } from '../log.ts';
import { folderSource } from '../nix/folder-source.ts';
import { channelSource, gitSource } from '../nix/git/git.ts';
import type { PackageSource } from '../nix/source.ts';

/** The package set that was configured. */
export function packageSource({ packages, nix }: Config, log: Log): PackageSource | Promise<PackageSource> {
  switch (packages.kind) {
    case 'channel': {
      const warning = channelWarning(packages.channel, Date.now());
      if (warning !== undefined) log.warn(warning);
      return channelSource(packages.channel, {
        ...{ ...nix, commits: packages.commits },
        isMaintained: (channel) => isMaintained(channel, Date.now()),
      });
    }
    case 'git':
      return gitSource(packages.url, { ...nix, commits: packages.commits });
    case 'folder':
      return folderSource(packages.path);
    default:
      throw new RangeError(`no such package source: ${String(packages satisfies never)}`);
  }
}
