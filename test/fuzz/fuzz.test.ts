import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fuzz } from './fuzz.ts';

describe('mutated traffic', () => {
  it('meets no fault, hang or answer that is not as it has to be', async (test) => {
    const seed = Date.now() % 1_000_000;
    test.diagnostic(`seed ${seed}`);
    const report = await fuzz({ seed, requests: 6_000, maxSeconds: 60 });
    assert.deepEqual(report.findings, [], `seed ${seed}`);
    assert.equal(report.requests, 6_000);
    assert.ok(report.closed <= 2, `${report.closed} connections were closed`);
    // It reached what it is about, and not only the gate.
    for (const status of [200, 206, 304, 400, 401, 403, 404, 405]) {
      assert.ok((report.statuses.get(status) ?? 0) > 10, `${status}: ${report.statuses.get(status) ?? 0} times`);
    }
  });
});
