import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { environmentOf, startBucket } from '../support/bucket/server.ts';
import { type DockerEngine, startDockerEngine } from '../support/clients/docker-engine.ts';
import { type RegistryProcess, startRegistry } from '../support/service/registry-process.ts';
import { pull, request } from '../support/http/request.ts';

/** `docker pull` of a process that is told to stop meanwhile: what Cloud Run does when it takes an instance away. */

let scratch: string;
let packages: string;
let engine: DockerEngine;
before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'nixery-stopped-'));
  packages = join(scratch, 'packages');
  await mkdir(packages);
  await writeFile(
    join(packages, 'default.nix'),
    `{ system, ... }: { large = derivation {
       name = "large";
       inherit system;
       builder = "/bin/sh";
       args = [ "-ec" "mkdir -p $out/bin; head -c 120M /dev/urandom > $out/bin/large" ];
       PATH = "/usr/bin:/bin";
     }; }`,
  );
  engine = await startDockerEngine();
});
after(async () => {
  await engine[Symbol.asyncDispose]();
  await rm(scratch, { recursive: true });
});

/** What a pull through it takes at the least: long enough for a signal to fall into it. */
const BYTES_PER_MS = 40_000;
const SIZE_BYTES = 120 * 1024 * 1024;
/** The part of it that is through at the signal: the rest has eight seconds, on a machine that does other things as well. */
const SIGNAL_AT = 0.6;

/**
 * A wire to a registry that carries so much and no more: by the clock, since a timer for each chunk adds its own delay,
 * and where cores are busy the sum of those is longer than a process that was told to stop may stay.
 */
async function slowWire(registry: RegistryProcess) {
  let carriedBytes = 0;
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const upstream = connect(Number(new URL(registry.origin).port), '127.0.0.1');
    client.pipe(upstream);
    let dueMs = performance.now();
    upstream.on('data', (chunk: Buffer) => {
      carriedBytes += chunk.length;
      client.write(chunk);
      dueMs += chunk.length / BYTES_PER_MS;
      const aheadMs = dueMs - performance.now();
      if (aheadMs < 1) return;
      upstream.pause();
      setTimeout(() => upstream.resume(), aheadMs);
    });
    upstream.on('end', () => client.end());
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('error', () => other.destroy());
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    carriedBytes: () => carriedBytes,
    [Symbol.dispose]() {
      server.close();
    },
  };
}

/** Pulls with docker, tells the registry to stop as soon as `isUnderWay`, and sees both come to a good end. */
async function pullAndStop(registry: RegistryProcess, host: string, isUnderWay: () => boolean): Promise<void> {
  let isOver = false as boolean;
  const pulling = engine.docker('pull', '--quiet', `${host}/large`).finally(() => (isOver = true));
  pulling.catch(() => undefined); // Met below.
  while (!isUnderWay() && !isOver) await sleep(2);
  if (isOver) assert.fail(`the pull was over before the signal: ${await pulling.catch(String)}`);
  const stopping = registry.stop();
  await sleep(200);
  await assert.rejects(request(registry.origin, 'GET', '/v2/'), 'it takes new connections');
  assert.match(await pulling, /large/);
  // By itself, before anybody kills it.
  assert.equal(await stopping, 0);
  const size = await engine.docker('image', 'inspect', '--format', '{{.Size}}', `${host}/large`);
  assert.ok(Number(size) >= SIZE_BYTES, size);
  await engine.docker('image', 'rm', `${host}/large`);
}

describe('SIGTERM while docker pulls', () => {
  it('lets the pull end, and then the process, from a folder', async () => {
    const store = join(scratch, 'store');
    await using registry = await startRegistry({ NIXERY_PKGS_PATH: packages, STORAGE_PATH: store });
    assert.equal((await pull(registry.origin, '/v2/large/manifests/latest')).status, 200);
    using wire = await slowWire(registry);
    await pullAndStop(registry, wire.host, () => wire.carriedBytes() > SIZE_BYTES * SIGNAL_AT);
  });

  it('lets the pull end, and then the process, from a bucket', async () => {
    await using bucket = await startBucket();
    const env = { ...environmentOf(bucket), GCS_SIGNING_ACCOUNT: bucket.account, NIXERY_PKGS_PATH: packages };
    await using registry = await startRegistry(env);
    assert.equal((await pull(registry.origin, '/v2/large/manifests/latest')).status, 200);
    const before = bucket.requests.length;
    const reads = () => bucket.requests.slice(before).filter(({ target }) => target.includes('X-Goog-Signature='));
    await pullAndStop(registry, registry.host, () => reads().length > 0);
  });
});
