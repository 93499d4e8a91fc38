import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { debianPackages } from '../debian.ts';
import { type DockerEngine, startDockerEngine } from './docker-engine.ts';
import { type RegistryProcess, startRegistry } from '../service/registry-process.ts';

/** A registry of Debian's packages, and a Docker Engine that pulls from it. */
export interface DockerRegistry extends AsyncDisposable {
  readonly registry: RegistryProcess;
  readonly engine: DockerEngine;
}

export async function startDockerRegistry(): Promise<DockerRegistry> {
  const scratch = await mkdtemp(join(tmpdir(), 'nixery-docker-'));
  const registry = await startRegistry({ NIXERY_PKGS_PATH: debianPackages, STORAGE_PATH: scratch });
  const engine = await startDockerEngine();
  return {
    ...{ registry, engine },
    async [Symbol.asyncDispose]() {
      await engine[Symbol.asyncDispose]();
      await registry[Symbol.asyncDispose]();
      await rm(scratch, { recursive: true });
    },
  };
}
