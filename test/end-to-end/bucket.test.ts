import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { digestOfBytes } from '../../functions/oci/digest.ts';
import { OBJECT_USER } from '../support/bucket/access.ts';
import { type BucketDouble, environmentOf, startBucket } from '../support/bucket/server.ts';
import { run } from '../support/command.ts';
import { debianPackages } from '../support/debian.ts';
import { startDockerEngine } from '../support/clients/docker-engine.ts';
import { copyAndCheck } from '../support/clients/image-layout.ts';
import { fixturePackages } from '../support/nix.ts';
import { imagesMade, type PulledImage, pullImage } from '../support/pulled-image.ts';
import { type RegistryProcess, startRegistry } from '../support/service/registry-process.ts';
import { request, type Response } from '../support/http/request.ts';
import { scratchFolders } from '../support/scratch-folders.ts';

/** Registries over a bucket: on 127.0.0.1 the registry, on localhost the bucket, as two hosts are. */

const folder = scratchFolders();

async function keyFile({ signer }: BucketDouble): Promise<string> {
  const path = join(await folder(), 'key.pem');
  await writeFile(path, signer.privateKey);
  return path;
}

/** The environment of a registry that signs with a key. */
async function withKey(bucket: BucketDouble, packages = fixturePackages): Promise<Record<string, string>> {
  return {
    ...environmentOf(bucket),
    GCS_SIGNING_KEY: await keyFile(bucket),
    GCS_SIGNING_ACCOUNT: bucket.signer.account,
    NIXERY_PKGS_PATH: packages,
  };
}

const blobFrom = ({ origin }: RegistryProcess, name: string, digest: string, method = 'GET'): Promise<Response> =>
  request(origin, method, `/v2/${name}/blobs/${digest}`);

/** Follows the redirect of each layer and compares what comes. */
async function pullLayers(registry: RegistryProcess, name: string, { layers }: PulledImage): Promise<void> {
  for (const { digest, size } of layers) {
    const { status, headers, body } = await blobFrom(registry, name, digest);
    assert.equal(status, 303, body.toString());
    const response = await fetch(headers['location'] ?? '');
    const bytes = Buffer.from(await response.arrayBuffer());
    assert.equal(bytes.length, size);
    assert.equal(digestOfBytes(bytes), digest);
  }
}

/** The log comes through a pipe, so it may be later than an answer. */
async function firstMade(registry: RegistryProcess): Promise<Record<string, unknown>> {
  for (;;) {
    const [entry] = imagesMade(registry);
    if (entry !== undefined) return entry;
    await sleep(20);
  }
}

/** What a bucket holds under its names is what the names say, and nothing is left in staging. */
function everythingIsWhole({ objects }: BucketDouble): void {
  for (const name of objects.names('layers/')) {
    assert.equal(digestOfBytes(objects.bytes(name)), `sha256:${name.slice('layers/'.length)}`);
  }
}

describe('clients that pull from a registry over a bucket', () => {
  it('get images through the redirect, without showing the bucket a credential', async () => {
    await using bucket = await startBucket();
    await using registry = await startRegistry(await withKey(bucket, debianPackages));
    await using engine = await startDockerEngine();
    const { host } = registry;

    assert.match(await engine.docker('run', '--rm', '--network=none', `${host}/hello`), /Hello, world!/);
    const command = ['--runtime', 'runc', 'run', '--rm', '--tls-verify=false', '--network=none'];
    const limits = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1000:1000'];
    assert.match(await run('podman', [...command, ...limits, `${host}/hello`]), /Hello, world!/);
    await run('podman', ['rmi', '--force', `${host}/hello`]);
    const image = await copyAndCheck(host, 'shell/jq');
    assert.ok(image.layers > 2);
    await engine.ctr('image', 'pull', '--plain-http', `${host}/shell/jq:latest`);

    const reads = bucket.requests.filter(({ target }) => target.startsWith('/team-bucket/'));
    assert.ok(reads.length > 10);
    for (const { headers, status, target } of reads) {
      assert.equal(headers.authorization, undefined);
      assert.ok([200, 206].includes(status), `${status} ${target}`);
    }
    const logged = JSON.stringify(registry.log);
    for (const secret of ['X-Goog-Signature', 'ya29.', 'PRIVATE KEY']) assert.ok(!logged.includes(secret), secret);
    everythingIsWhole(bucket);
  });

  it('get them with URLs that are signed through the IAM API, and from a public bucket without', async () => {
    await using bucket = await startBucket();
    const env = { ...environmentOf(bucket), NIXERY_PKGS_PATH: fixturePackages };
    await using keyless = await startRegistry({ ...env, GCS_SIGNING_ACCOUNT: bucket.account });
    const image = await pullImage(keyless, 'greet');
    await pullLayers(keyless, 'greet', image);

    await using open = await startRegistry(env);
    const { headers } = await blobFrom(open, 'greet', image.digest);
    assert.equal(headers['location'], `${bucket.endpoint}/team-bucket/layers/${image.digest.slice('sha256:'.length)}`);
  });
});

describe('GET and HEAD of a blob over a bucket', () => {
  it('redirect GET alone, and know what is not there', async () => {
    await using bucket = await startBucket();
    await using registry = await startRegistry(await withKey(bucket));
    const image = await pullImage(registry, 'greet');
    const [layer] = image.layers;
    assert.ok(layer);

    const got = await blobFrom(registry, 'greet', layer.digest);
    assert.equal(got.status, 303);
    assert.equal(got.headers['content-length'], '0');
    assert.equal(got.headers['cache-control'], 'no-store');
    assert.equal(got.headers['docker-content-digest'], layer.digest);
    assert.ok(got.headers['location']?.startsWith(`${bucket.endpoint}/team-bucket/layers/`));
    assert.equal(got.body.length, 0);

    const head = await blobFrom(registry, 'greet', layer.digest, 'HEAD');
    assert.equal(head.status, 200);
    assert.equal(head.headers['content-length'], String(layer.size));
    assert.equal(head.headers['docker-content-digest'], layer.digest);
    assert.equal(head.headers['location'], undefined);

    for (const method of ['GET', 'HEAD']) {
      const unknown = await blobFrom(registry, 'greet', `sha256:${'0'.repeat(64)}`, method);
      assert.equal(unknown.status, 404);
      if (method === 'GET') assert.match(unknown.body.toString(), /BLOB_UNKNOWN/);
    }
    // Existence is asked once.
    const asked = bucket.requests.length;
    await blobFrom(registry, 'greet', layer.digest);
    assert.equal(bucket.requests.length, asked);
  });

  it('lead nobody to the bucket without a signature', async () => {
    await using bucket = await startBucket();
    await using registry = await startRegistry(await withKey(bucket));
    await pullImage(registry, 'greet');
    for (const name of bucket.objects.names()) {
      for (const path of [
        `/team-bucket/${name}`,
        `/storage/v1/b/team-bucket/o/${encodeURIComponent(name)}?alt=media`,
      ]) {
        const { status } = await request(bucket.endpoint, 'GET', path);
        assert.ok([401, 403].includes(status), `${status} ${path}`);
      }
    }
    assert.equal((await request(bucket.endpoint, 'GET', '/storage/v1/b/team-bucket/o')).status, 401);
  });
});

describe('two registries on one bucket, on two machines', () => {
  it('share what they build: what one has made, the other serves', async () => {
    await using bucket = await startBucket();
    const env = await withKey(bucket);
    await using one = await startRegistry(env);
    await using other = await startRegistry(env, { nixFolder: await folder() });
    const image = await pullImage(one, 'greet/lib');
    assert.deepEqual(await pullImage(other, 'greet/lib'), image);
    await pullLayers(other, 'greet/lib', image);
    assert.equal(imagesMade(other).length, 0);
    // A new name of known packages, on a machine that has none of them.
    const lib = await pullImage(other, 'lib');
    const { evaluated, pathsPacked } = await firstMade(other);
    assert.deepEqual([evaluated, pathsPacked], [0, 0]);
    assert.deepEqual(await pullImage(one, 'lib'), lib);
  });

  it('may build one image at once', async () => {
    await using bucket = await startBucket();
    const env = await withKey(bucket);
    await using one = await startRegistry(env);
    await using other = await startRegistry(env, { nixFolder: await folder() });
    const images = await Promise.all([one, other, one, other].map((registry) => pullImage(registry, 'greet/several')));
    for (const image of images) assert.deepEqual(image, images[0]);
    for (const registry of [one, other]) await pullLayers(registry, 'greet/several', images[0] as PulledImage);
    everythingIsWhole(bucket);
  });

  it('heal an image whose blob was deleted, also one of a package whose every build differs', async () => {
    await using bucket = await startBucket();
    const packages = await folder();
    await writeFile(
      join(packages, 'default.nix'),
      `{ system, ... }: {
        random = derivation {
          name = "random";
          system = builtins.currentSystem;
          builder = "/bin/sh";
          args = [ "-ec" "mkdir -p $out/bin; read line < /proc/sys/kernel/random/uuid; echo $line > $out/bin/random" ];
          PATH = "/usr/bin:/bin";
        };
      }`,
    );
    const env = await withKey(bucket, packages);
    await using first = await startRegistry(env, { nixFolder: await folder() });
    const before = await pullImage(first, 'random');
    await first.stop();

    for (const [index] of before.layers.entries()) {
      await using other = await startRegistry(env, { nixFolder: await folder() });
      const image = await pullImage(other, 'random');
      const gone = image.layers[index]?.digest ?? '';
      bucket.objects.delete(`layers/${gone.slice('sha256:'.length)}`);
      assert.equal((await blobFrom(other, 'random', gone)).status, 404);
      const healed = await pullImage(other, 'random');
      await pullLayers(other, 'random', healed);
    }
    everythingIsWhole(bucket);
  });
});

describe('a registry over a bucket', () => {
  it('makes anew what is broken in it, and says so', async () => {
    await using bucket = await startBucket();
    const env = await withKey(bucket);
    await using first = await startRegistry(env);
    const image = await pullImage(first, 'greet');
    await first.stop();
    const { objects } = bucket;
    const records = ['contents/', 'joins/', 'packages/', 'images/'].flatMap((prefix) => objects.names(prefix));
    for (const [index, name] of records.entries()) {
      objects.put(name, [Buffer.from(index % 2 === 0 ? 'no JSON' : '{"version":999,"format":999}')], {}, {});
    }
    const broken = new Set(image.layers.map(({ digest }) => `layers/${digest.slice('sha256:'.length)}`));
    for (const name of broken) objects.put(name, [Buffer.from('a fragment')], {}, {});

    await using second = await startRegistry(env);
    assert.deepEqual(await pullImage(second, 'greet'), image);
    await pullLayers(second, 'greet', image);
    const told = second.log.filter(({ severity }) => severity === 'WARNING').map((entry) => entry['object']);
    for (const name of [...records, ...broken]) assert.ok(told.includes(name), `${name} is not in the log`);
  });

  it('that is killed in the middle of packing leaves nothing that is served wrongly', async () => {
    await using bucket = await startBucket();
    const env = await withKey(bucket, debianPackages);
    await using first = await startRegistry(env);
    const cut = request(first.origin, 'GET', '/v2/shell/git/manifests/latest').catch(() => undefined);
    const untilMs = Date.now() + 240_000;
    while (bucket.objects.names('layers/').length < 5) {
      assert.ok(Date.now() < untilMs, 'nothing was packed');
      await sleep(20);
    }
    await first.kill();
    await cut;
    everythingIsWhole(bucket);
    assert.deepEqual(bucket.objects.names('images/'), []);
    // The lease of the killed one runs out by the clock of whoever looks.
    await using second = await startRegistry(env);
    const image = await copyAndCheck(second.host, 'shell/git');
    assert.ok(image.layers > 2);
    everythingIsWhole(bucket);
  });

  it('does not start without its bucket, its rights or its key', async () => {
    await using bucket = await startBucket();
    const env = await withKey(bucket);
    const refusal = async (more: Record<string, string>) => {
      const outcome = await startRegistry({ ...env, ...more }).catch((error: unknown) => String(error));
      assert.ok(typeof outcome === 'string', 'it started');
      return outcome;
    };
    assert.match(await refusal({ BUCKET: 'another-bucket' }), /cannot start: the bucket another-bucket cannot hold/);
    assert.match(await refusal({ GCS_SIGNING_KEY: '/nowhere' }), /cannot start: GCS_SIGNING_KEY: \/nowhere cannot be/);
    bucket.access.revoke(bucket.account, OBJECT_USER);
    const denied = await refusal({});
    assert.match(denied, /asked as registry@example.*--role=roles\/storage\.objectUser/);
    assert.ok(!denied.includes('ya29.'));
  });

  it('packs and serves 300 MB in 250 MB of memory', async (context) => {
    await using bucket = await startBucket();
    await using registry = await startRegistry(await withKey(bucket, debianPackages));
    const image = await copyAndCheck(registry.host, 'python3/gcc/nodejs/postgresql/redis-server/clang/cmake/git');
    assert.ok(image.size > 300e6, `the image has ${image.size} bytes`);
    const peakBytes = await registry.peakMemoryBytes();
    context.diagnostic(`${Math.round(peakBytes / 1e6)} MB`);
    assert.ok(peakBytes < 250e6, `${peakBytes} bytes were resident`);
  });
});
