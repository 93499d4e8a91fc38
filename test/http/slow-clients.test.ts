import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fixturePackages } from '../support/nix.ts';
import { startRegistry } from '../support/service/registry-process.ts';
import { pullWhole, request } from '../support/http/request.ts';
import { startCrowd } from '../support/http/slow-crowd.ts';

const CONNECTIONS = 2_000;

describe('2,000 clients that send a byte a second', () => {
  // npm run bench -- crowd says what they take of a pull's time.
  it('do not keep a pull from coming to its end, and are sent away', async () => {
    const scratch = await mkdtemp(join(tmpdir(), 'nixery-slow-'));
    await using registry = await startRegistry({ NIXERY_PKGS_PATH: fixturePackages, STORAGE_PATH: scratch });
    try {
      const crowd = await startCrowd(registry.origin, CONNECTIONS);
      await pullWhole(registry.origin, 'greet/random');
      // Beyond ten seconds their headers are no more waited for: 408.
      assert.deepEqual(await crowd.gone(), { sentAway: CONNECTIONS, answered: 0 });
      assert.equal((await request(registry.origin, 'GET', '/v2/')).status, 200);
    } finally {
      await rm(scratch, { recursive: true });
    }
  });
});
