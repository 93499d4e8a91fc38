import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { digestOfBytes } from '../../functions/oci/digest.ts';
import { type DockerRegistry, startDockerRegistry } from '../support/clients/docker-registry.ts';
import { run } from '../support/command.ts';
import { pull } from '../support/http/request.ts';

/** Real clients pull a name that stands for two platforms. */

const NAME = 'hello';
let service: DockerRegistry;
let image: string;
before(async () => {
  service = await startDockerRegistry({ NIXERY_PLATFORMS: 'linux/amd64,linux/arm64' });
  image = `${service.registry.host}/${NAME}`;
});
after(() => service[Symbol.asyncDispose]());

interface Index {
  readonly manifests: readonly { readonly digest: string; readonly platform: { readonly architecture: string } }[];
}

const digestOf = async (name: string) =>
  (await pull(service.registry.origin, `/v2/${name}/manifests/latest`)).headers['docker-content-digest'];

describe('an index', () => {
  it('gives docker the image of its machine, which runs, and that of the other when it is asked for', async () => {
    const { engine } = service;
    assert.match(await engine.docker('run', '--rm', '--network=none', image), /Hello, world!/);
    for (const architecture of ['amd64', 'arm64']) {
      await engine.docker('pull', '--quiet', '--platform', `linux/${architecture}`, image);
      assert.equal(
        (await engine.docker('image', 'inspect', '--format', '{{.Architecture}}', image)).trim(),
        architecture,
      );
    }
  });

  it('gives ctr the image of its machine, and both when it is asked for all', async () => {
    const { engine } = service;
    await engine.ctr('image', 'pull', '--plain-http', '--all-platforms', `${image}:latest`);
    assert.match(await engine.ctr('image', 'ls'), /linux\/amd64,linux\/arm64/);
  });

  it('is copied whole by skopeo, of which every digest is right', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'nixery-index-'));
    try {
      await run('skopeo', ['copy', '--all', '--src-tls-verify=false', `docker://${image}`, `dir:${folder}`]);
      const bytes = await readFile(join(folder, 'manifest.json'));
      assert.equal(digestOfBytes(bytes), await digestOf(NAME));
      const { manifests } = JSON.parse(bytes.toString()) as Index;
      for (const { digest, platform } of manifests) {
        assert.equal(digest, await digestOf(`${platform.architecture}/${NAME}`));
        const manifest = await readFile(join(folder, `${digest.slice('sha256:'.length)}.manifest.json`));
        assert.equal(digestOfBytes(manifest), digest);
        const { config, layers } = JSON.parse(manifest.toString()) as Record<'layers', { digest: string }[]> & {
          config: { digest: string };
        };
        for (const blob of [config, ...layers]) {
          assert.equal(digestOfBytes(await readFile(join(folder, blob.digest.slice('sha256:'.length)))), blob.digest);
        }
      }
      assert.deepEqual(
        manifests.map(({ platform }) => platform.architecture),
        ['amd64', 'arm64'],
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('gives podman the image of its machine, which runs, and that of the other when it is asked for', async () => {
    const options = ['--tls-verify=false', '--quiet'];
    for (const architecture of ['arm64', 'amd64']) {
      await run('podman', ['pull', ...options, '--platform', `linux/${architecture}`, image]);
      const inspected = await run('podman', ['image', 'inspect', '--format', '{{.Architecture}}', image]);
      assert.equal(inspected.trim(), architecture);
    }
    const limits = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1000:1000', '--network=none'];
    assert.match(await run('podman', ['--runtime', 'runc', 'run', '--rm', ...limits, image]), /Hello, world!/);
    await run('podman', ['rmi', '--force', image]);
  });
});
