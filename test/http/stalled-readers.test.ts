import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { get, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fixturePackages } from '../support/nix.ts';
import { projectFolder, type RegistryProcess, startRegistry } from '../support/service/registry-process.ts';
import { request } from '../support/http/request.ts';

/** Clients that begin to read a layer of 30 MB and stop, from a process of their own. */

const READERS = 600;
/** Of each: what the kernel has of a connection is not the process's. */
const MAX_BYTES_EACH = 64 * 1024;
/** What any server's memory goes up and down by. */
const UNRELATED_BYTES = 40 * 1024 * 1024;
/** As long as each holds half a MiB, they take 300 MB. */
const MAX_GROWTH_BYTES = READERS * MAX_BYTES_EACH + UNRELATED_BYTES;

let scratch: string;
let registry: RegistryProcess;
let blob: string;
before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'nixery-stalled-'));
  registry = await startRegistry({ NIXERY_PKGS_PATH: fixturePackages, STORAGE_PATH: scratch });
  const { body } = await request(registry.origin, 'GET', '/v2/random/manifests/latest');
  const { layers } = JSON.parse(body.toString()) as { layers: { digest: string; size: number }[] };
  const [largest] = layers.sort((a, b) => b.size - a.size);
  blob = `/v2/random/blobs/${largest?.digest ?? ''}`;
});
after(async () => {
  await registry[Symbol.asyncDispose]();
  await rm(scratch, { recursive: true });
});

async function residentBytes(): Promise<number> {
  const status = await readFile(`/proc/${registry.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

/** Reads all of the blob, with a pause after each so many bytes, and gives its digest. */
async function digestRead(pauseEveryBytes: number): Promise<string> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(`${registry.origin}${blob}`, resolve).on('error', reject);
  });
  const hash = createHash('sha256');
  let sincePause = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    hash.update(chunk);
    sincePause += chunk.length;
    if (sincePause < pauseEveryBytes) continue;
    sincePause = 0;
    await sleep(20);
  }
  return `sha256:${hash.digest('hex')}`;
}

describe('readers of a layer', () => {
  it('get its bytes, whatever their speed and whoever reads beside them, the first time and later', async () => {
    const digest = blob.slice(blob.lastIndexOf('/') + 1);
    for (let round = 0; round < 2; round++) {
      const digests = await Promise.all([Infinity, 4_000_000, 500_000, Infinity].map(digestRead));
      assert.deepEqual(digests, [digest, digest, digest, digest]);
    }
  });

  it('that stop hold some tens of kilobytes each, which are given back when they leave', async (test) => {
    const beforeBytes = await residentBytes();
    const arguments_ = [new URL(registry.origin).port, blob, String(READERS), '1000000'];
    const crowd = spawn(process.execPath, [`${projectFolder}test/support/http/stalled-crowd.ts`, ...arguments_], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const ended = once(crowd, 'exit');
    let printed = '';
    crowd.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
    while (!printed.includes('stalled\n')) await once(crowd.stdout, 'data');
    const besideBytes = await residentBytes();
    assert.equal((await request(registry.origin, 'GET', '/v2/random/manifests/latest')).status, 200);
    crowd.stdin.end();
    await ended;
    const isBack = async () => (await residentBytes()) < beforeBytes + 60 * 1024 * 1024;
    for (let tries = 0; tries < 600 && !(await isBack()); tries++) await sleep(100);
    const afterBytes = await residentBytes();
    const inMb = [beforeBytes, besideBytes, afterBytes].map((bytes) => (bytes / 1024 / 1024).toFixed(0));
    test.diagnostic(`MiB before, beside ${READERS} of them, and after: ${inMb.join(', ')}`);
    assert.ok(besideBytes - beforeBytes < MAX_GROWTH_BYTES, inMb.join(', '));
    assert.ok(await isBack(), inMb.join(', '));
  });
});
