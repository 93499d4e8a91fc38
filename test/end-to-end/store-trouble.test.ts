import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { digestOfBytes } from '../../functions/oci/digest.ts';
import { type BucketDouble, environmentOf, startBucket } from '../support/bucket/server.ts';
import { run } from '../support/command.ts';
import { fixturePackages } from '../support/nix.ts';
import { imagesMade, type PulledImage, pullImage } from '../support/pulled-image.ts';
import { type RegistryProcess, startRegistry } from '../support/service/registry-process.ts';
import { pull, request, type Response } from '../support/http/request.ts';
import { scratchFolders } from '../support/scratch-folders.ts';

/** What those who pull, and those who look on, are told while a store does not answer or cannot be written to. */

const folder = scratchFolders();

/** An answer of a registry that has nothing else to say for the moment. */
function assertUnavailable({ status, headers, body }: Response, why: RegExp, method = 'GET'): void {
  assert.equal(status, 503, body.toString());
  assert.match(headers['retry-after'] ?? '', /^\d+$/);
  if (method !== 'GET') return;
  const { errors } = JSON.parse(body.toString()) as { errors: { code: string; message: string }[] };
  assert.deepEqual(
    errors.map(({ code }) => code),
    ['UNAVAILABLE'],
  );
  assert.match(errors[0]?.message ?? '', why);
}

/** The kinds of what `/ready` says is wrong; it is remembered for a second. */
async function problemsOf({ origin }: RegistryProcess): Promise<string[]> {
  await sleep(1_100);
  const { status, body } = await request(origin, 'GET', '/ready');
  const { problems = [] } = JSON.parse(body.toString()) as { problems?: { kind: string }[] };
  assert.equal(status, problems.length === 0 ? 200 : 503);
  return problems.map(({ kind }) => kind);
}

describe('a registry over a bucket that takes requests and does not answer', () => {
  const isHung = ({ path }: { path: string }) => path.includes('/storage/v1/');
  const NO_ANSWER = /the store of this registry does not answer: try again later/;

  async function start(bucket: BucketDouble, signing: Record<string, string>): Promise<RegistryProcess> {
    return startRegistry({ ...environmentOf(bucket), NIXERY_PKGS_PATH: fixturePackages, ...signing });
  }

  async function withKey({ signer }: BucketDouble): Promise<Record<string, string>> {
    const path = join(await folder(), 'key.pem');
    await writeFile(path, signer.privateKey);
    return { GCS_SIGNING_KEY: path, GCS_SIGNING_ACCOUNT: signer.account };
  }

  /** All that a client can ask for that takes the bucket. */
  const asked = (image: PulledImage): [method: string, path: string][] => [
    ['HEAD', '/v2/greet/manifests/latest'],
    ['GET', '/v2/greet/manifests/latest'],
    ['GET', `/v2/greet/manifests/${image.digest}`],
    ['GET', '/v2/lib/manifests/latest'],
    ['HEAD', `/v2/greet/blobs/${image.layers[0]?.digest ?? ''}`],
    ['GET', `/v2/greet/blobs/${image.layers[0]?.digest ?? ''}`],
    ['GET', '/v2/greet/tags/list'],
  ];

  async function askedAtOnce({ origin }: RegistryProcess, image: PulledImage, context: TestContext) {
    const startedMs = performance.now();
    const answers = asked(image).map(async ([method, path]) => {
      const answer = await request(origin, method, path);
      context.diagnostic(`${method} ${path.slice(0, 30)}: ${Math.round(performance.now() - startedMs)} ms`);
      return { method, answer };
    });
    return Promise.all(answers);
  }

  it('says so for whatever it would have to ask, and answers when the bucket does', async (context) => {
    await using bucket = await startBucket();
    const signing = await withKey(bucket);
    await using warm = await start(bucket, signing);
    const image = await pullImage(warm, 'greet');
    await using fresh = await start(bucket, signing);
    assert.deepEqual(await problemsOf(fresh), []);

    bucket.addFault({ when: isHung, times: Infinity, fault: { kind: 'hang' } });
    for (const { method, answer } of await askedAtOnce(fresh, image, context)) {
      assertUnavailable(answer, NO_ANSWER, method);
    }
    assert.deepEqual(await problemsOf(fresh), ['store-unreachable']);
    assert.equal((await request(fresh.origin, 'GET', '/v2/')).status, 200);
    // What a process knows it says.
    assert.equal((await request(warm.origin, 'GET', '/v2/greet/manifests/latest')).status, 200);

    bucket.clearFaults();
    for (const { answer } of await askedAtOnce(fresh, image, context)) {
      assert.ok([200, 303].includes(answer.status), answer.body.toString());
    }
    assert.deepEqual(await problemsOf(fresh), []);
  });

  it('says so of records whose content does not come to its end', async (context) => {
    await using bucket = await startBucket();
    await using warm = await start(bucket, await withKey(bucket));
    const image = await pullImage(warm, 'greet');
    await using fresh = await start(bucket, await withKey(bucket));
    const when = ({ path }: { path: string }) => path.includes('alt=media');
    bucket.addFault({ when, times: Infinity, fault: { kind: 'stall-download', afterBytes: 100 } });
    const answers = await askedAtOnce(fresh, image, context);
    const manifests = answers.slice(0, 3);
    for (const { method, answer } of manifests) assertUnavailable(answer, NO_ANSWER, method);
    bucket.clearFaults();
    assert.equal((await pullImage(fresh, 'greet')).digest, image.digest);
  });

  it('says so where nobody signs', async () => {
    await using bucket = await startBucket();
    await using registry = await start(bucket, { GCS_SIGNING_ACCOUNT: bucket.account });
    const image = await pullImage(registry, 'greet');
    const when = ({ path }: { path: string }) => path.includes(':signBlob');
    bucket.addFault({ when, times: Infinity, fault: { kind: 'hang' } });
    const path = `/v2/greet/blobs/${image.layers[0]?.digest ?? ''}`;
    assertUnavailable(await request(registry.origin, 'GET', path), /what signs addresses .* does not answer/);
    assert.equal((await request(registry.origin, 'HEAD', path)).status, 200);
    bucket.clearFaults();
    assert.equal((await request(registry.origin, 'GET', path)).status, 303);
  });
});

describe('a registry over a folder', () => {
  /** What holds on while nothing can be written, and afterwards. */
  async function servesWhatItHas(
    break_: (disk: string) => Promise<unknown>,
    mend: (disk: string) => Promise<unknown>,
    expected: { readonly problem: string; readonly why: RegExp },
  ): Promise<void> {
    const disk = await folder();
    await run('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk]);
    try {
      const environment = { NIXERY_PKGS_PATH: fixturePackages, STORAGE_PATH: join(disk, 'store') };
      let image: PulledImage;
      let revision = '';
      {
        await using registry = await startRegistry(environment);
        image = await pullImage(registry, 'greet');
        while (revision === '') {
          await sleep(20);
          revision = (imagesMade(registry)[0]?.['revision'] as string | undefined) ?? '';
        }
      }
      await using registry = await startRegistry(environment);
      const { origin } = registry;
      assert.deepEqual(await problemsOf(registry), []);
      await break_(disk);
      assert.deepEqual(await problemsOf(registry), [expected.problem]);

      assertUnavailable(await pull(origin, '/v2/lib/manifests/latest'), expected.why);
      // By its tag, and by one that nobody pulled before.
      for (const reference of ['latest', revision]) {
        assert.equal((await pullImage(registry, 'greet', reference)).digest, image.digest);
      }
      for (const { digest } of image.layers) {
        const { status, body } = await request(origin, 'GET', `/v2/greet/blobs/${digest}`);
        assert.equal(status, 200);
        assert.equal(digestOfBytes(body), digest);
      }
      const listed = await request(origin, 'GET', '/v2/greet/tags/list');
      assert.deepEqual(JSON.parse(listed.body.toString()), { name: 'greet', tags: [revision, 'latest'] });

      await mend(disk);
      assert.deepEqual(await problemsOf(registry), []);
      await pullImage(registry, 'lib');
      assert.ok(registry.log.some(({ message }) => /a tag that was pulled is not listed/.test(String(message))));
    } finally {
      await run('umount', [disk]);
    }
  }

  it('on a full disk serves what it has, says so, and makes images when there is room', async () => {
    const fill = (disk: string) => run('sh', ['-c', `cat /dev/zero > '${disk}/filling' 2>&1 || true`]);
    const free = (disk: string) => run('rm', [`${disk}/filling`]);
    await servesWhatItHas(fill, free, { problem: 'store-full', why: /the store of this registry is full: / });
  });

  it('that is mounted read-only meanwhile does the same', async () => {
    const lock = (disk: string) => run('mount', ['-o', 'remount,ro', disk]);
    const unlock = (disk: string) => run('mount', ['-o', 'remount,rw', disk]);
    const why = /the store of this registry cannot be written to: /;
    await servesWhatItHas(lock, unlock, { problem: 'store-read-only', why });
  });
});
