import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { folderStore } from '../../functions/storage/folder/store.ts';
import { verify } from '../../functions/upkeep/verify.ts';
import { run } from '../support/command.ts';
import { debianPackages } from '../support/debian.ts';
import { type DockerEngine, startDockerEngine } from '../support/clients/docker-engine.ts';
import { type RegistryProcess, startRegistry } from '../support/service/registry-process.ts';
import { requestHeld } from '../support/http/request.ts';

/** Images whose layers are zstd. Docker 20.10 knows no zstd; its containerd does. */

let scratch: string;
let registry: RegistryProcess;
let engine: DockerEngine;
before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'nixery-zstd-'));
  registry = await start({ NIXERY_COMPRESSION: 'zstd' });
  engine = await startDockerEngine();
});
after(async () => {
  await engine[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
  await rm(scratch, { recursive: true });
});

const start = (env: Record<string, string>): Promise<RegistryProcess> =>
  startRegistry({ NIXERY_PKGS_PATH: debianPackages, STORAGE_PATH: scratch, ...env });

async function layerTypes({ origin }: RegistryProcess): Promise<string[]> {
  const { status, body } = await requestHeld(origin, 'GET', '/v2/shell/jq/manifests/latest');
  assert.equal(status, 200);
  return (JSON.parse(body.toString()) as { layers: { mediaType: string }[] }).layers.map(({ mediaType }) => mediaType);
}

describe('an image of zstd layers', () => {
  it('says so, is run by podman and ctr, and is what its records say', async () => {
    const types = await layerTypes(registry);
    assert.ok(types.length > 5);
    assert.deepEqual([...new Set(types)], ['application/vnd.oci.image.layer.v1.tar+zstd']);

    const image = `${registry.host}/shell/jq:latest`;
    const command = ['bash', '-c', `echo '{"a":[1,2]}' | jq -c .a`];
    const ran = await run('podman', [
      ...['--runtime', 'runc', 'run', '--rm', '--tls-verify=false', '--network=none'],
      ...['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1000:1000', image, ...command],
    ]);
    assert.match(ran, /\[1,2\]/);
    await run('podman', ['rmi', '--force', image]);

    await engine.ctr('image', 'pull', '--plain-http', image);
    assert.match(await engine.ctr('run', '--rm', image, 'zstd-test', ...command), /\[1,2\]/);

    const { problems } = await verify(folderStore(scratch), { deep: true });
    assert.equal(problems, 0);
  });

  it('is another image than the same of gzip layers, and packs nothing of it again for another plan', async () => {
    const packed = (await readdir(join(scratch, 'contents'))).length;
    {
      await using few = await start({ NIXERY_COMPRESSION: 'zstd', NIXERY_LAYERS: '5' });
      assert.ok((await layerTypes(few)).length <= 5);
    }
    assert.equal((await readdir(join(scratch, 'contents'))).length, packed);
    await using other = await start({ NIXERY_COMPRESSION: 'igzip' });
    assert.deepEqual([...new Set(await layerTypes(other))], ['application/vnd.oci.image.layer.v1.tar+gzip']);
    assert.equal((await readdir(join(scratch, 'contents'))).length, 2 * packed);
  });
});
