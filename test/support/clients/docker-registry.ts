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

/** @param env what is configured beside the packages and the store */
export async function startDockerRegistry(env: Readonly<Record<string, string>> = {}): Promise<DockerRegistry> {
  const scratch = await mkdtemp(join(tmpdir(), 'nixery-docker-'));
  const registry = await startRegistry({ NIXERY_PKGS_PATH: debianPackages, STORAGE_PATH: scratch, ...env });
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
