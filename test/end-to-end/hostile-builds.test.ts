import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { projectFolder, startRegistry } from '../support/registry-process.ts';
import { request } from '../support/request.ts';

/** What a hostile package set does to pulls of images that are there, and to who sees why its own fail. */

const CONNECTIONS = 8;

async function pullsPerSecond(origin: string, seconds: number): Promise<number> {
  const endMs = performance.now() + seconds * 1000;
  let count = 0;
  const pull = async (): Promise<void> => {
    while (performance.now() < endMs) {
      assert.equal((await request(origin, 'GET', '/v2/harmless/manifests/latest')).status, 200);
      count++;
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, pull));
  return count / seconds;
}

/** The same beside a process that takes one processor and does nothing to us. */
async function besideHarmless(origin: string, seconds: number): Promise<number> {
  const spinning = spawn('sh', ['-c', 'while :; do :; done']);
  try {
    return await pullsPerSecond(origin, seconds);
  } finally {
    spinning.kill('SIGKILL');
  }
}

describe('a hostile package set', () => {
  it('leaves cached pulls a rate of the kind that a harmless process leaves them', async (test) => {
    const scratch = await mkdtemp(join(tmpdir(), 'nixery-hostile-'));
    await using registry = await startRegistry({
      NIXERY_PKGS_PATH: join(projectFolder, 'test', 'fixtures', 'hostile'),
      STORAGE_PATH: scratch,
      NIX_TIMEOUT: '60',
    });
    const { origin } = registry;
    try {
      assert.equal((await request(origin, 'GET', '/v2/harmless/manifests/latest')).status, 200);
      await pullsPerSecond(origin, 1);
      for (const hostile of ['prints', 'counts']) {
        const harmless = [await besideHarmless(origin, 2)];
        const answering = request(origin, 'GET', `/v2/${hostile}/manifests/latest`);
        await sleep(500);
        const rates = [await pullsPerSecond(origin, 2), await pullsPerSecond(origin, 2)];
        // The one is ended at 64 MB of its log, the other by the clock; either way somebody is told.
        if (hostile === 'prints') assert.equal((await answering).status, 307);
        else answering.catch(() => undefined);
        if (hostile === 'prints') harmless.push(await besideHarmless(origin, 2));
        const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
        const [beside, compared] = [mean(rates), mean(harmless)];
        test.diagnostic(`${hostile}: ${beside.toFixed(0)}/s, beside a harmless process ${compared.toFixed(0)}/s`);
        // At rest it is more than 0.8; what else the machine does moves both, and one second differs from the next.
        assert.ok(beside > 0.3 * compared, `${hostile}: ${beside}/s, beside a harmless process ${compared}/s`);
      }
      const why = await request(origin, 'GET', '/v2/prints/manifests/latest?build-failed=x');
      assert.equal(why.status, 422);
      assert.match(why.body.toString(), /more than 67108864 bytes of log output/);
      // What a builder wrote for a terminal does not get there.
      for (const name of ['shouts', 'throws']) {
        const { status, body } = await request(origin, 'GET', `/v2/${name}/manifests/latest?build-failed=x`);
        assert.equal(status, 422);
        assert.match(body.toString(), /red/);
        assert.doesNotMatch(body.toString(), /\\u001b|\\u0007|\\u202e|\u202e/);
      }
    } finally {
      await rm(scratch, { recursive: true });
    }
  });
});
