import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { digestOfBytes } from '../../functions/oci/digest.ts';
import { environmentOf, startBucket } from '../support/bucket/server.ts';
import { shuffled } from '../support/debian.ts';
import { fixturePackages } from '../support/nix.ts';
import { startRegistry } from '../support/service/registry-process.ts';
import { pull, request } from '../support/http/request.ts';

const IMAGES = ['greet', 'greet/lib', 'random/lib', 'several/capital', 'sleeps.s3/greet'];
const KILLS = 30;

/** A moment to kill at, in milliseconds after the pulls began; spread over what a start and five builds take. */
const moments = shuffled(
  Array.from({ length: KILLS }, (_, index) => 50 + index * 60),
  30,
);

it('a registry that is killed thirty times while it makes five images leaves a bucket from which all of them pull', async () => {
  const scratch = await mkdtemp(join(tmpdir(), 'nixery-killed-'));
  try {
    await using bucket = await startBucket();
    const environment = {
      ...environmentOf(bucket),
      GCS_SIGNING_ACCOUNT: bucket.account,
      NIXERY_PKGS_PATH: fixturePackages,
      NIXERY_COMPRESSION: 'zlib',
      // What is killed leaves there what it was at.
      TMPDIR: scratch,
    };
    for (const [index, afterMs] of moments.entries()) {
      // Every third time with an empty Nix store, so that there is something to build and to pack.
      const nixFolder = join(scratch, String(Math.floor(index / 3)));
      await mkdir(nixFolder, { recursive: true });
      const registry = await startRegistry(environment, { nixFolder });
      // What is killed is cut off: only the end counts.
      const cut = IMAGES.map((name) =>
        request(registry.origin, 'GET', `/v2/${name}/manifests/latest`).catch(() => undefined),
      );
      await sleep(afterMs);
      await registry.kill();
      await Promise.all(cut);
    }

    for (const name of bucket.objects.names('layers/')) {
      const content = bucket.objects.bytes(name);
      assert.equal(digestOfBytes(content), `sha256:${name.slice('layers/'.length)}`, 'what is readable is whole');
    }
    await using registry = await startRegistry(environment);
    for (const name of IMAGES) {
      const answer = await pull(registry.origin, `/v2/${name}/manifests/latest`);
      assert.equal(answer.status, 200, answer.body.toString());
      assert.equal(digestOfBytes(answer.body), answer.headers['docker-content-digest']);
      const { config, layers } = JSON.parse(answer.body.toString()) as Record<'layers', { digest: string }[]> & {
        config: { digest: string };
      };
      for (const { digest } of [config, ...layers]) {
        const { status, headers } = await request(registry.origin, 'GET', `/v2/${name}/blobs/${digest}`);
        assert.equal(status, 303);
        const content = await fetch(headers['location'] ?? '');
        assert.equal(digestOfBytes(Buffer.from(await content.arrayBuffer())), digest);
      }
    }
    await registry.stop();
    // Who was killed between the publication and the end of its lease leaves one behind; nobody asks for it any more.
    for (const lock of bucket.objects.names('locks/')) {
      const key = lock.slice('locks/'.length);
      const made = [...bucket.objects.names(`images/${key}`), ...bucket.objects.names(`contents/${key}`)];
      assert.deepEqual(made.length, 1, `${lock} blocks nobody`);
    }
  } finally {
    await rm(scratch, { recursive: true });
  }
});
