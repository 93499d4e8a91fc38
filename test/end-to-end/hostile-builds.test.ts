import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { nicenessBelowRegistries } from '../support/hostile-neighbour.ts';
import { projectFolder, startRegistry } from '../support/service/registry-process.ts';
import { request, requestHeld } from '../support/http/request.ts';

/** What a hostile package set does to pulls of images that are there, and to who sees why its own fail. */

const HARMLESS = '/v2/harmless/manifests/latest';

describe('a hostile package set', () => {
  // npm run bench -- neighbours has the rate that is left to pulls.
  it('gets less right to the processor than the pulls beside it, which are answered', async () => {
    const scratch = await mkdtemp(join(tmpdir(), 'nixery-hostile-'));
    await using registry = await startRegistry({
      NIXERY_PKGS_PATH: join(projectFolder, 'test', 'fixtures', 'builds'),
      STORAGE_PATH: scratch,
      NIXERY_EVAL_AHEAD: 'off',
      NIX_TIMEOUT: '600',
    });
    const { origin } = registry;
    try {
      assert.equal((await requestHeld(origin, 'GET', HARMLESS)).status, 200);
      for (const hostile of ['prints', 'counts']) {
        const answering = requestHeld(origin, 'GET', `/v2/${hostile}/manifests/latest`);
        answering.catch(() => undefined); // One of them ends with the registry.
        // What is launched becomes nice before it becomes what it is launched for.
        for (let found: readonly number[] = []; found.length === 0 || found.some((one) => one !== 10);) {
          found = nicenessBelowRegistries();
          assert.equal((await request(origin, 'GET', HARMLESS)).status, 200);
        }
        // The one is ended at 64 MB of its log, the other by the clock. At the last hop nobody is sent on.
        if (hostile === 'prints') assert.ok([307, 422].includes((await answering).status));
      }
      const why = await requestHeld(origin, 'GET', '/v2/prints/manifests/latest?build-failed=x');
      assert.equal(why.status, 422);
      assert.match(why.body.toString(), /more than 67108864 bytes of log output/);
      // What a builder wrote for a terminal does not get there.
      for (const name of ['shouts', 'throws']) {
        const { status, body } = await requestHeld(origin, 'GET', `/v2/${name}/manifests/latest?build-failed=x`);
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
