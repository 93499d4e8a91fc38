import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { digestOfBytes } from '../../functions/oci/digest.ts';
import { fixturePackages } from '../support/nix.ts';
import { type RegistryProcess, startRegistry } from '../support/service/registry-process.ts';
import { requestHeld } from '../support/http/request.ts';

/** The endpoints of the pull protocol, over HTTP, with the real Nix and packages that a shell alone can build. */

let scratch: string;
let registry: RegistryProcess;
before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'nixery-endpoints-'));
  registry = await startRegistry({
    NIXERY_PKGS_PATH: fixturePackages,
    STORAGE_PATH: scratch,
    NIXERY_COMPRESSION: 'zlib',
  });
});
after(async () => {
  await registry[Symbol.asyncDispose]();
  await rm(scratch, { recursive: true });
});

const ask = (method: string, path: string, headers: Record<string, string> = {}) =>
  requestHeld(registry.origin, method, path, headers);

interface Manifest {
  config: { digest: string; size: number };
  layers: { digest: string; size: number }[];
}
async function pull(name: string): Promise<{ digest: string; manifest: Manifest }> {
  const { status, headers, body } = await ask('GET', `/v2/${name}/manifests/latest`);
  assert.equal(status, 200, body.toString());
  return { digest: headers['docker-content-digest'] ?? '', manifest: JSON.parse(body.toString()) as Manifest };
}

const UNKNOWN_DIGEST = `sha256:${'0'.repeat(64)}`;

describe('every endpoint', () => {
  const long = 'a'.repeat(256);
  const many = Array.from({ length: 65 }, (_, index) => `p${index}`).join('/');
  const table: readonly (readonly [
    method: string,
    path: string,
    status: number,
    code: string | null,
    message?: RegExp,
  ])[] = [
    ['GET', '/v2/', 200, null],
    ['GET', '/v2', 200, null],
    ['GET', '/v2/_catalog', 404, 'UNSUPPORTED'],
    ['GET', '/v2/greet/nothing', 404, 'UNSUPPORTED'],
    ['POST', '/v2/greet/blobs/uploads/', 405, 'UNSUPPORTED'],
    ['PUT', '/v2/greet/manifests/latest', 405, 'UNSUPPORTED'],
    ['DELETE', '/v2/greet/manifests/latest', 405, 'UNSUPPORTED'],
    ['PATCH', '/v2/', 405, 'UNSUPPORTED'],
    // names
    ['GET', '/v2/Greet/manifests/latest', 400, 'NAME_INVALID', /not an image's name/],
    ['GET', '/v2/gr%65et/manifests/latest', 400, 'NAME_INVALID'],
    ['GET', '/v2/%zz/manifests/latest', 400, 'NAME_INVALID', /malformed escape/],
    ['GET', '/v2/../manifests/latest', 400, 'NAME_INVALID'],
    ['GET', '/v2/a/../b/manifests/latest', 400, 'NAME_INVALID'],
    ['GET', '/v2//manifests/latest', 400, 'NAME_INVALID', /no name/],
    ['GET', '/v2/manifests/latest', 400, 'NAME_INVALID', /no name/],
    ['GET', `/v2/${long}/manifests/latest`, 400, 'NAME_INVALID', /at most 255/],
    ['GET', `/v2/${many}/manifests/latest`, 400, 'NAME_INVALID', /65 packages/],
    ['GET', '/v2/arm64/manifests/latest', 400, 'NAME_INVALID', /no package/],
    // references
    ['GET', '/v2/greet/manifests/-x', 400, 'NAME_INVALID', /not a tag/],
    ['GET', `/v2/greet/manifests/${'t'.repeat(129)}`, 400, 'NAME_INVALID'],
    ['GET', '/v2/greet/manifests/nixos-1.0', 404, 'MANIFEST_UNKNOWN', /knows latest/],
    ['GET', '/v2/greet/manifests/sha256:12', 400, 'DIGEST_INVALID'],
    ['GET', `/v2/greet/manifests/${UNKNOWN_DIGEST}`, 404, 'MANIFEST_UNKNOWN'],
    ['GET', `/v2/greet/manifests/sha256-${'a'.repeat(64)}.sig`, 404, 'MANIFEST_UNKNOWN'],
    ['GET', `/v2/greet/manifests/sha256-${'a'.repeat(64)}`, 404, 'MANIFEST_UNKNOWN'],
    // packages
    [
      'GET',
      '/v2/gret/zzzz/greet/manifests/latest',
      404,
      'MANIFEST_UNKNOWN',
      /no package gret \(did you mean greet\?\); there is no package zzzz$/,
    ],
    ['GET', '/v2/text/manifests/latest', 422, 'MANIFEST_INVALID', /text is no package but a string/],
    ['GET', '/v2/nested/manifests/latest', 422, 'MANIFEST_INVALID', /no package but a set; name something in it/],
    ['GET', '/v2/pkgs.greet/manifests/latest', 422, 'MANIFEST_INVALID', /pkgs is a package set/],
    ['GET', '/v2/unfree/greet/manifests/latest', 422, 'MANIFEST_INVALID', /unfree is marked as unfree/],
    ['GET', '/v2/broken/manifests/latest', 422, 'MANIFEST_INVALID', /marked as broken/],
    ['GET', '/v2/insecure/manifests/latest', 422, 'MANIFEST_INVALID', /insecure: CVE-2026-0001/],
    ['GET', '/v2/throws/manifests/latest', 422, 'MANIFEST_INVALID', /does not have it any more/],
    ['GET', '/v2/fails/manifests/latest', 422, 'MANIFEST_INVALID', /this is the last thing it says/],
    // what no image can hold
    [
      'GET',
      '/v2/whiteout/greet/manifests/latest',
      422,
      'MANIFEST_INVALID',
      /-whiteout\/share\/deep\/\.wh\.passwd cannot/,
    ],
    ['GET', '/v2/deep/manifests/latest', 422, 'MANIFEST_INVALID', /-deep\/.* cannot be in an image: its path has more/],
    ['GET', '/v2/stranger/manifests/latest', 422, 'MANIFEST_INVALID', /names .*-stranger, which its package does not/],
    ['GET', '/v2/liar/manifests/latest', 422, 'MANIFEST_INVALID', /-liar is not there after it was built/],
    ['GET', '/v2/nowhere/manifests/latest', 422, 'MANIFEST_INVALID', /nowhere does not say of itself what a package/],
    ['GET', '/v2/round/manifests/latest', 200, null],
    ['GET', '/v2/round/around/manifests/latest', 200, null],
    // blobs
    ['GET', `/v2/greet/blobs/${UNKNOWN_DIGEST}`, 404, 'BLOB_UNKNOWN'],
    ['GET', '/v2/greet/blobs/sha256:xyz', 400, 'DIGEST_INVALID'],
    ['GET', `/v2/greet/blobs/sha512:${'a'.repeat(128)}`, 400, 'DIGEST_INVALID'],
    ['GET', `/v2/Greet/blobs/${UNKNOWN_DIGEST}`, 400, 'NAME_INVALID'],
    // tags and referrers
    ['GET', '/v2/never/pulled/tags/list', 404, 'NAME_UNKNOWN'],
    ['GET', '/v2/greet/tags/list?n=x', 400, 'UNSUPPORTED'],
    ['GET', '/v2/greet/tags/list?n=-1', 400, 'UNSUPPORTED'],
    ['GET', '/v2/greet/referrers/sha256:xyz', 400, 'DIGEST_INVALID'],
    ['GET', `/v2/greet/referrers/${UNKNOWN_DIGEST}`, 200, null],
  ];

  for (const [method, path, status, code, message] of table) {
    it(`answers ${method} ${path.length > 70 ? `${path.slice(0, 70)}...` : path} with ${status} ${code ?? ''}`, async () => {
      let answer = await ask(method, path);
      if (status === 422) {
        // A failure is sent on once, to an address that says why.
        assert.equal(answer.status, 307);
        const location = answer.headers['location'] ?? '';
        assert.match(
          location,
          /^\/v2\/[^?]+\?build-failed=[A-Za-z0-9.-]{5,200}&see=http:\/\/127\.0\.0\.1:\d+\/builds\/[0-9a-f]{64}$/,
        );
        answer = await ask(method, location);
      }
      assert.equal(answer.status, status, answer.body.toString());
      assert.equal(answer.headers['content-length'], String(answer.body.length));
      assert.equal(answer.headers['x-powered-by'], undefined);
      if (code === null) return;
      assert.equal(answer.headers['content-type'], 'application/json');
      const { errors } = JSON.parse(answer.body.toString()) as { errors: { code: string; message: string }[] };
      assert.equal(errors.length, 1);
      assert.equal(errors[0]?.code, code);
      if (message !== undefined) assert.match(errors[0].message, message);
      assert.doesNotMatch(answer.body.toString(), /\n\s+at /);
    });
  }

  it('answers HEAD as GET, without the body', async () => {
    const { digest, manifest } = await pull('greet/lib');
    const layer = manifest.layers[0]?.digest ?? '';
    const paths = table.filter(([method]) => method === 'GET').map(([, path]) => path);
    paths.push(
      '/v2/greet/lib/manifests/latest',
      `/v2/greet/lib/manifests/${digest}`,
      `/v2/x/blobs/${layer}`,
      '/v2/greet/lib/tags/list',
    );
    for (const path of paths) {
      const [get, head] = [await ask('GET', path), await ask('HEAD', path)];
      assert.equal(head.status, get.status, path);
      assert.equal(head.body.length, 0, path);
      delete get.headers['date'];
      delete head.headers['date'];
      assert.deepEqual(head.headers, get.headers, path);
    }
  });

  it('ignores query parameters that it does not know', async () => {
    const plain = await ask('GET', '/v2/greet/manifests/latest');
    assert.deepEqual((await ask('GET', '/v2/greet/manifests/latest?ns=docker.io&x')).body, plain.body);
  });
});

describe('GET /v2/', () => {
  it('says which API it speaks', async () => {
    const { headers, body } = await ask('GET', '/v2/');
    assert.equal(headers['docker-distribution-api-version'], 'registry/2.0');
    assert.equal(headers['content-type'], 'application/json');
    assert.equal(body.toString(), '{}');
  });
});

describe('GET /v2/N/manifests/REF', () => {
  it('gives the bytes of the digest that it names, under the tag and the digest', async () => {
    const byTag = await ask('GET', '/v2/greet/manifests/latest');
    const digest = digestOfBytes(byTag.body);
    assert.equal(byTag.headers['docker-content-digest'], digest);
    assert.equal(byTag.headers['etag'], `"${digest}"`);
    assert.equal(byTag.headers['content-type'], 'application/vnd.oci.image.manifest.v1+json');
    const byDigest = await ask('GET', `/v2/greet/manifests/${digest}`);
    assert.deepEqual(byDigest.body, byTag.body);
    assert.equal(byDigest.headers['content-type'], byTag.headers['content-type']);
  });

  it('answers 304 to who has it already', async () => {
    const { digest } = await pull('greet');
    const answer = await ask('GET', '/v2/greet/manifests/latest', { 'If-None-Match': `"other", W/"${digest}"` });
    assert.equal(answer.status, 304);
    assert.equal(answer.body.length, 0);
  });

  it('gives one image whatever the order, case and repetition of its packages', async () => {
    const digests = new Set<string>();
    for (const name of ['capital/greet', 'greet/capital', 'greet/capital/greet'])
      digests.add((await pull(name)).digest);
    assert.equal(digests.size, 1);
  });

  it('does not take a layer or a config for a manifest', async () => {
    const { manifest } = await pull('greet');
    for (const { digest } of [manifest.config, ...manifest.layers]) {
      assert.equal((await ask('GET', `/v2/greet/manifests/${digest}`)).status, 404);
    }
  });

  it('can be pulled by the revision in its labels', async () => {
    const { digest, manifest } = await pull('greet');
    const config = JSON.parse((await ask('GET', `/v2/greet/blobs/${manifest.config.digest}`)).body.toString()) as {
      config: { Labels: Record<string, string> };
    };
    const revision = config.config.Labels['org.opencontainers.image.revision'] ?? '';
    assert.match(revision, /^[0-9a-f]{40}$/);
    assert.equal((await ask('GET', `/v2/greet/manifests/${revision}`)).headers['docker-content-digest'], digest);
  });

  it('ends when a build prints 10 MB to stderr', async () => {
    assert.equal((await ask('GET', '/v2/floods/manifests/latest')).status, 200);
  });
});

describe('GET /v2/N/blobs/DIGEST', () => {
  it('gives each blob that the manifest names, whole and of the size that it says', async () => {
    const { manifest } = await pull('greet/lib');
    for (const { digest, size } of [manifest.config, ...manifest.layers]) {
      const { status, headers, body } = await ask('GET', `/v2/greet/lib/blobs/${digest}`);
      assert.equal(status, 200);
      assert.equal(body.length, size);
      assert.equal(digestOfBytes(body), digest);
      assert.equal(headers['docker-content-digest'], digest);
      assert.equal(headers['accept-ranges'], 'bytes');
      assert.equal(headers['content-encoding'], undefined);
    }
  });

  it('gives ranges', async () => {
    const { manifest } = await pull('greet');
    const { digest, size } = manifest.layers.at(-1) ?? manifest.config;
    const path = `/v2/greet/blobs/${digest}`;
    const whole = (await ask('GET', path)).body;
    for (const [range, start, end] of [
      ['bytes=0-0', 0, 0],
      ['bytes=5-', 5, size - 1],
      ['bytes=-7', size - 7, size - 1],
      ['bytes=3-99999999', 3, size - 1],
    ] as const) {
      const part = await ask('GET', path, { Range: range });
      assert.equal(part.status, 206, range);
      assert.equal(part.headers['content-range'], `bytes ${start}-${end}/${size}`);
      assert.deepEqual(part.body, whole.subarray(start, end + 1));
    }
    const outside = await ask('GET', path, { Range: `bytes=${size}-` });
    assert.equal(outside.status, 416);
    assert.equal(outside.headers['content-range'], `bytes */${size}`);
  });
});

describe('GET /v2/N/tags/list', () => {
  it('lists the tags that can be pulled, in pages', async () => {
    const { manifest } = await pull('lib/capital');
    const config = JSON.parse((await ask('GET', `/v2/x/blobs/${manifest.config.digest}`)).body.toString()) as {
      config: { Labels: Record<string, string> };
    };
    const revision = config.config.Labels['org.opencontainers.image.revision'] ?? '';
    await ask('HEAD', `/v2/lib/capital/manifests/${revision}`);
    const list = async (query: string) => {
      const { headers, body } = await ask('GET', `/v2/lib/capital/tags/list${query}`);
      return {
        ...(JSON.parse(body.toString()) as object),
        ...(headers['link'] !== undefined && { link: headers['link'] }),
      };
    };
    const name = 'lib/capital';
    assert.deepEqual(await list(''), { name, tags: [revision, 'latest'] });
    const link = `</v2/lib/capital/tags/list?n=1&last=${revision}>; rel="next"`;
    assert.deepEqual(await list('?n=1'), { name, tags: [revision], link });
    assert.deepEqual(await list(`?n=1&last=${revision}`), { name, tags: ['latest'] });
    assert.deepEqual(await list('?last=kkk'), { name, tags: ['latest'] });
    assert.deepEqual(await list('?n=0'), { name, tags: [] });
    assert.deepEqual(await list('?n=2'), { name, tags: [revision, 'latest'] });
  });
});

describe('GET /v2/N/referrers/DIGEST', () => {
  it('is an empty index, also when a type is asked for', async () => {
    const { headers, body } = await ask('GET', `/v2/greet/referrers/${UNKNOWN_DIGEST}?artifactType=x`);
    assert.equal(headers['content-type'], 'application/vnd.oci.image.index.v1+json');
    assert.equal(headers['oci-filters-applied'], 'artifactType');
    assert.deepEqual((JSON.parse(body.toString()) as { manifests: unknown[] }).manifests, []);
  });
});

describe('the pages outside of /v2/', () => {
  it('say what this is', async () => {
    assert.match((await ask('GET', '/')).body.toString(), /Compose an image/);
    assert.equal((await ask('GET', '/nothing')).status, 404);
  });
});

describe('a port that is taken', () => {
  it('stops the start with a sentence, not a stack trace', async () => {
    const port = new URL(registry.origin).port;
    const env = { NIXERY_PKGS_PATH: fixturePackages, STORAGE_PATH: scratch, PORT: port };
    await assert.rejects(startRegistry(env), (error: Error) => {
      assert.match(
        error.message,
        new RegExp(`ended with 1: .*cannot start: port ${port} is taken by another process`, 's'),
      );
      assert.doesNotMatch(error.message, /\n\s+at /);
      return true;
    });
  });
});
