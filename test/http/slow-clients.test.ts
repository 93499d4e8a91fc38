import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fixturePackages } from '../support/nix.ts';
import { projectFolder, startRegistry } from '../support/registry-process.ts';
import { request } from '../support/request.ts';

/** Clients that send a byte a second, from a process of their own, beside one that pulls. */

const CONNECTIONS = 2_000;

/** A whole pull, as docker does it, and how long it took, in milliseconds. */
async function timedPull(origin: string): Promise<number> {
  const startedMs = performance.now();
  await request(origin, 'GET', '/v2/');
  await request(origin, 'HEAD', '/v2/greet/random/manifests/latest');
  const manifest = await request(origin, 'GET', '/v2/greet/random/manifests/latest');
  assert.equal(manifest.status, 200, manifest.body.toString());
  const { config, layers } = JSON.parse(manifest.body.toString()) as Record<'config', { digest: string }> & {
    layers: { digest: string; size: number }[];
  };
  for (const { digest } of [config, ...layers]) {
    assert.equal((await request(origin, 'GET', `/v2/greet/random/blobs/${digest}`)).status, 200);
  }
  return performance.now() - startedMs;
}

async function medianPull(origin: string): Promise<number> {
  const times: number[] = [];
  for (let turn = 0; turn < 7; turn++) times.push(await timedPull(origin));
  return times.sort((a, b) => a - b)[3] ?? Infinity;
}

describe('2,000 clients that send a byte a second', () => {
  it('do not keep a pull from ending within twice its time, and are sent away', async (test) => {
    const scratch = await mkdtemp(join(tmpdir(), 'nixery-slow-'));
    await using registry = await startRegistry({ NIXERY_PKGS_PATH: fixturePackages, STORAGE_PATH: scratch });
    try {
      await timedPull(registry.origin);
      const aloneMs = await medianPull(registry.origin);

      const port = new URL(registry.origin).port;
      const crowd = spawn(process.execPath, [`${projectFolder}test/http/slow-crowd.ts`, port, String(CONNECTIONS)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const lines: string[] = [];
      crowd.stdout.on('data', (chunk: Buffer) => lines.push(...chunk.toString().split('\n').filter(Boolean)));
      const ended = once(crowd, 'exit');
      while (!lines.includes('connected')) await once(crowd.stdout, 'data');
      const besideMs = await medianPull(registry.origin);
      test.diagnostic(`a pull takes ${aloneMs.toFixed(0)} ms alone, ${besideMs.toFixed(0)} ms beside them`);
      // Beyond ten seconds their headers are no more waited for: 408.
      await ended;
      const [refused] = lines.filter((line) => line.startsWith('refused'));
      assert.equal(refused, `refused ${CONNECTIONS}`, lines.join('\n'));
      assert.ok(besideMs < 2 * aloneMs, `${besideMs} ms beside them, ${aloneMs} ms alone`);
      assert.equal((await request(registry.origin, 'GET', '/v2/')).status, 200);
    } finally {
      await rm(scratch, { recursive: true });
    }
  });
});
