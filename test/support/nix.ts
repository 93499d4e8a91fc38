import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Nix } from '../../functions/nix/nix.ts';
import { NIX_CONFIG, projectFolder } from './service/registry-process.ts';

/** The real Nix of this machine. */
export const nix: Nix = {
  expressions: join(projectFolder, 'nix'),
  environment: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? tmpdir(), NIX_CONFIG },
};

/** The package set of small packages. */
export const fixturePackages = join(projectFolder, 'test', 'fixtures', 'packages');
