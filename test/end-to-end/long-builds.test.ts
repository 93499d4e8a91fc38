import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { alternatingProxy } from '../support/http/alternating-proxy.ts';
import { run } from '../support/command.ts';
import { type DockerEngine, startDockerEngine } from '../support/clients/docker-engine.ts';
import { copyAndCheck } from '../support/clients/image-layout.ts';
import { fixturePackages } from '../support/nix.ts';
import { startRegistry } from '../support/service/registry-process.ts';
import { request, requestHeld } from '../support/http/request.ts';

/** Builds that take longer than clients wait, that fail, and that are cut short. */

let scratch: string;
let engine: DockerEngine;
before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'nixery-long-'));
  engine = await startDockerEngine();
});
after(async () => {
  await engine[Symbol.asyncDispose]();
  await rm(scratch, { recursive: true });
});

let counter = 0;
async function environment(more: Record<string, string> = {}) {
  const folder = join(scratch, String(counter++));
  await mkdir(folder);
  return { NIXERY_PKGS_PATH: fixturePackages, STORAGE_PATH: folder, NIXERY_COMPRESSION: 'zlib', ...more };
}

/** A Nix store of the test's own: in this machine's, packages may be built already. */
async function emptyNix(): Promise<{ nixFolder: string }> {
  const nixFolder = join(scratch, `nix-${counter++}`);
  await mkdir(nixFolder);
  return { nixFolder };
}

describe('a build that takes longer than clients wait', () => {
  it('reaches skopeo and ctr through redirects, each of which goes to another instance (60 s)', async () => {
    const env = await environment();
    await using one = await startRegistry(env, await emptyNix());
    await using other = await startRegistry(env, await emptyNix());
    await using proxy = await alternatingProxy([one.origin, other.origin]);
    const image = `${proxy.host}/sleeps.s60`;
    await Promise.all([
      run('skopeo', ['inspect', '--tls-verify=false', `docker://${image}`]),
      engine.ctr('image', 'pull', '--plain-http', `${image}:latest`),
    ]);
    const made = [...one.log, ...other.log].filter((entry) => entry['message'] === 'image made');
    assert.equal(made.length, 1, 'one instance built it, once');
    // Each of the two is sent on before it gives up: none of its requests is held until the image is there but the last.
    const asked = proxy.requests.filter(({ path }) => /\/manifests\/latest/.test(path));
    for (const hop of ['?hop=1', '?hop=2']) {
      const at = asked.filter(({ path }) => path.endsWith(hop));
      assert.ok(at.length >= 2 && at.every(({ status }) => status === 307), JSON.stringify(asked));
    }
  });

  it('is waited for at the last hop, however long it takes', async () => {
    await using registry = await startRegistry(await environment({ NIXERY_HOLD_SECONDS: '1' }), await emptyNix());
    await using proxy = await alternatingProxy([registry.origin]);
    await Promise.all([
      run('skopeo', ['inspect', '--tls-verify=false', `docker://${proxy.host}/sleeps.s30`]),
      engine.docker('pull', '--quiet', `${proxy.host}/sleeps.s30`),
    ]);
    const last = proxy.requests.filter(({ path }) => path.endsWith('?hop=9'));
    assert.ok(last.length > 0 && last.every(({ status }) => status === 200), JSON.stringify(proxy.requests));
    // Before that they were sent on, again and again.
    const before = proxy.requests.filter(({ path }) => /\?hop=[1-8]$/.test(path));
    assert.ok(before.length >= 2 * 8 && before.every(({ status }) => status === 307), JSON.stringify(before));
  });
});

/** What each client says on its terminal when it cannot pull an image. */
async function complaints(host: string, name: string): Promise<Record<string, string>> {
  const pulls = {
    docker: engine.docker('pull', `${host}/${name}`),
    podman: run('podman', ['pull', '--tls-verify=false', `${host}/${name}`]),
    skopeo: run('skopeo', ['inspect', '--tls-verify=false', `docker://${host}/${name}`]),
    ctr: engine.ctr('image', 'pull', '--plain-http', `${host}/${name}:latest`),
  };
  const said = Object.entries(pulls).map(async ([client, pull]) => {
    const text = await pull.then(
      () => assert.fail(`${client} pulled ${name}`),
      (error: unknown) => String(error),
    );
    return [client, text] as const;
  });
  return Object.fromEntries(await Promise.all(said));
}

describe('an image that cannot be made', () => {
  const table = [
    ['a build fails', 'fails', /this.is.the.last.thing.it.says/],
    ['no image can hold a file', 'whiteout', /-whiteout.share.deep.\.wh\.passwd.cannot.be.in.an.image/],
  ] as const;
  for (const [cause, name, why] of table) {
    it(`says why in the terminal of every client, also from another instance: ${cause}`, async () => {
      const env = await environment();
      await using one = await startRegistry(env);
      await using other = await startRegistry(env);
      for (const { host } of [one, other]) {
        for (const [client, text] of Object.entries(await complaints(host, name))) assert.match(text, why, client);
      }
      const failed = [...one.log, ...other.log].filter((entry) => entry['message'] === 'no image');
      assert.equal(failed.length, 1, 'it was tried once');
    });
  }
});

describe('SIGTERM', () => {
  it('sends who waits to another instance, gives leases back, and ends with 0', async () => {
    const env = await environment();
    const nix = await emptyNix();
    const registry = await startRegistry(env, nix);
    const waiting = request(registry.origin, 'HEAD', '/v2/sleeps.s30/manifests/latest');
    const locks = join(env.STORAGE_PATH, 'locks');
    while ((await readdir(locks)).length === 0) await sleep(20);
    assert.equal(await registry.stop(), 0);
    const answer = await waiting;
    assert.equal(answer.status, 307);
    assert.equal(answer.headers['location'], '/v2/sleeps.s30/manifests/latest?hop=1');
    for (const area of ['locks', 'uploads']) assert.deepEqual(await readdir(join(env.STORAGE_PATH, area)), []);
  });

  it('lets a running download end, and ends connections on which nothing runs at once', async () => {
    const registry = await startRegistry(await environment());
    const { body } = await requestHeld(registry.origin, 'GET', '/v2/random/manifests/latest');
    const { layers } = JSON.parse(body.toString()) as { layers: { digest: string; size: number }[] };
    const largest = layers.reduce((a, b) => (a.size > b.size ? a : b));
    assert.ok(largest.size > 20e6, 'more than the buffers of a connection hold');
    const download = await fetch(`${registry.origin}/v2/random/blobs/${largest.digest}`);
    const idle = connect(Number(new URL(registry.origin).port), '127.0.0.1');
    idle.write('GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(idle, 'data');
    const code = registry.stop();
    // Its end comes before that of the download, which waits for its reader.
    idle.resume();
    await once(idle, 'close');
    assert.equal((await download.arrayBuffer()).byteLength, largest.size);
    assert.equal(await code, 0);
  });
});

describe('a registry that is killed while it builds', () => {
  it('leaves nothing that is served wrongly, and the next one completes the image', async () => {
    const env = await environment();
    const nix = await emptyNix();
    const registry = await startRegistry(env, nix);
    const cut = request(registry.origin, 'GET', '/v2/sleeps.s3/greet/manifests/latest').catch(() => undefined);
    await sleep(2000);
    await registry.kill();
    await cut;
    await using next = await startRegistry(env);
    const image = await copyAndCheck(next.host, 'sleeps.s3/greet');
    assert.ok(image.storePaths.length >= 3);
  });
});
