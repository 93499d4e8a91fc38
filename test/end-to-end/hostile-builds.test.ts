import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { median } from '../bench/figure.ts';
import { pullsPerSecond, ratesBeside } from '../support/hostile-neighbour.ts';
import { projectFolder, startRegistry } from '../support/registry-process.ts';
import { request } from '../support/request.ts';

/** What a hostile package set does to pulls of images that are there, and to who sees why its own fail. */

const HARMLESS = '/v2/harmless/manifests/latest';

describe('a hostile package set', () => {
  // The bound that a busy machine keeps; `npm run bench -- neighbours` has the rates.
  it('leaves cached pulls the better part of the rate that a harmless process leaves them', async (test) => {
    const scratch = await mkdtemp(join(tmpdir(), 'nixery-hostile-'));
    await using registry = await startRegistry({
      NIXERY_PKGS_PATH: join(projectFolder, 'test', 'fixtures', 'builds'),
      STORAGE_PATH: scratch,
      NIX_TIMEOUT: '120',
    });
    const { origin } = registry;
    try {
      assert.equal((await request(origin, 'GET', HARMLESS)).status, 200);
      await pullsPerSecond(origin, HARMLESS, 1_000);
      for (const hostile of ['prints', 'counts']) {
        const { rates, answering } = await ratesBeside(origin, HARMLESS, `/v2/${hostile}/manifests/latest`);
        const [beside, compared] = [median(rates.hostile), median(rates.harmless)];
        const told = `${hostile}: ${beside.toFixed(0)}/s, beside a harmless process ${compared.toFixed(0)}/s, in ${rates.hostile.length} windows`;
        test.diagnostic(told);
        assert.ok(rates.hostile.length >= 3, told);
        assert.ok(beside >= 0.6 * compared, told);
        // The one is ended at 64 MB of its log, the other by the clock; either way somebody is told.
        if (hostile === 'prints') assert.equal((await answering).status, 307);
        else answering.catch(() => undefined);
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
      // Its record of builds may still be on its way.
      await rm(scratch, { recursive: true, maxRetries: 5 });
    }
  });
});
